// Validates .glb files with the Khronos validator; prints one JSON report per file.
//   node validate_gltf.js a.glb b.glb ...
const fs = require("fs");
const validator = require("gltf-validator");

(async () => {
  const reports = [];
  for (const file of process.argv.slice(2)) {
    const report = await validator.validateBytes(new Uint8Array(fs.readFileSync(file)));
    reports.push({ issues: report.issues, info: report.info });
  }
  console.log(JSON.stringify(reports));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
