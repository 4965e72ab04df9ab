import js from "@eslint/js";
import globals from "globals";

const MADE = [
  "_build/",
  ".venv*/",
  "notebooks/",
  "book/_static/{book,search}.js",
  "book/_static/vendor/",
  "labs/explorer/made/",
];

export default [
  { ignores: MADE },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-console": ["error", { allow: ["error", "log"] }],
      "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  { files: ["book/_static/**/*.js", "labs/explorer/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["book/_static/page/network.js"], languageOptions: { sourceType: "script" } },
  { files: ["bookkit/accounts/*.js", "tests/**/*.{js,mjs}", "*.js"], languageOptions: { globals: globals.node } },
  { files: ["**/*.cjs"], languageOptions: { sourceType: "commonjs", globals: globals.node } },
];
