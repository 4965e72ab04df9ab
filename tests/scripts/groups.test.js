/** How a skill check of many questions is cut into groups. */
import assert from "node:assert/strict";
import test from "node:test";

import { groupsOf } from "../../book/_static/record/groups.js";

test("every question is in one group, in order, and no group is much larger than another", () => {
  for (let total = 1; total <= 60; total += 1) {
    const groups = groupsOf(total, 8);
    assert.deepEqual(
      groups.flat(),
      Array.from({ length: total }, (_, i) => i),
    );
    const sizes = groups.map((group) => group.length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
    assert.ok(Math.max(...sizes) <= 11);
  }
  assert.deepEqual(
    groupsOf(16, 8).map((group) => group.length),
    [8, 8],
  );
});
