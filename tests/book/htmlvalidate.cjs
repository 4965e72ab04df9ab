// Rules of substance, for pages whose frame and whose code cells are other people's templates.
module.exports = {
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    // Style of markup, which no reader meets.
    "attribute-boolean-style": "off",
    "doctype-style": "off",
    "no-inline-style": "off",
    "no-trailing-whitespace": "off",
    "void-style": "off",
    // HTML allows dots and underscores, and Sphinx makes names of Python its anchors.
    "valid-id": ["error", { relaxed: true }],
    // Of the theme's frame: buttons outside forms, a search field sent by the return key.
    "no-implicit-button-type": "off",
    "no-redundant-role": "off",
    "prefer-native-element": "off",
    "wcag/h32": "off",
  },
};
