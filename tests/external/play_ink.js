// Compiles and plays Ink stories. Standard input: JSON [{source, answers: [index, ...]}, ...];
// standard output: JSON [{events, ended} or {error}, ...].
const fs = require("fs");
const { Compiler, CompilerOptions } = require("inkjs/full");

function play({ source, answers }) {
  const problems = [];
  const options = new CompilerOptions(null, [], false, (message) => problems.push(message));
  const story = new Compiler(source, options).Compile();
  story.onError = (message) => problems.push(message);
  const events = [];
  const left = [...answers];
  for (;;) {
    while (story.canContinue) {
      const text = story.Continue().replace(/\n$/, "");
      if (text !== "") events.push({ text, tags: story.currentTags });
    }
    if (!story.currentChoices.length) break;
    events.push({ choices: story.currentChoices.map((c) => ({ text: c.text, tags: c.tags })) });
    if (!left.length) break;
    story.ChooseChoiceIndex(left.shift());
  }
  if (problems.length) throw new Error(problems.join("\n"));
  return { events, ended: !story.currentChoices.length };
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
