// Writes `frontmatter.json` again: for each text in it, what the package `yaml` of npm reads from the text with its
// defaults, or the code of its error. The official suite reads frontmatter with this package. In a folder of
// its own: `npm install yaml@2.9.1`, then `node frontmatter.mjs` beside `node_modules`, with the path of the file.
// To add a case, add a line with its `yaml` alone.
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";

const path = process.argv[2];
const cases = JSON.parse(readFileSync(path, "utf8")).map(({ yaml }) => {
  try {
    // The suite takes the last line break as a part of the line `---` after it.
    return JSON.stringify({ yaml, json: parse(yaml.replace(/\r?\n$/, "")) });
  } catch (error) {
    return JSON.stringify({ yaml, fault: error.code ?? "ERROR" });
  }
});
writeFileSync(path, `[\n${cases.join(",\n")}\n]\n`);
