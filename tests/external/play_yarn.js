// Runs Yarn scripts. Standard input: JSON [{source, start, answers: [index, ...]}, ...];
// standard output: JSON [{events, ended} or {error}, ...]. Options that are not available are
// listed as such; answers index into the whole list.
const fs = require("fs");
const YarnBound = require("yarn-bound");

function play({ source, start, answers }) {
  const runner = new YarnBound({ dialogue: source, startAt: start });
  const events = [];
  const left = [...answers];
  for (let step = 0; step < 10000; step++) {
    const result = runner.currentResult;
    if (result.options) {
      events.push({
        choices: result.options.map((option) => ({
          text: option.text,
          tags: option.hashtags,
          available: option.isAvailable,
        })),
      });
      if (!left.length) return { events, ended: false };
      runner.advance(left.shift());
      continue;
    }
    if (result.text) {
      const mark = result.markup.find(({ name }) => name === "character");
      const speaker = mark && mark.properties.name;
      events.push({ speaker, text: result.text, tags: result.hashtags });
    }
    if (result.isDialogueEnd) return { events, ended: true };
    runner.advance();
  }
  throw new Error("the dialogue does not end");
}

const jobs = JSON.parse(fs.readFileSync(0, "utf8"));
const results = jobs.map((job) => {
  try {
    return play(job);
  } catch (error) {
    return { error: String(error.message || error) };
  }
});
console.log(JSON.stringify(results));
