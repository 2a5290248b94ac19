// npm run mutate                                    every mutant of every area; hours
// npm run mutate -- --area retry                    of one area
// npm run mutate -- --area http --sample 150        150 of it, drawn by --seed (default 1)
// npm run mutate -- --area http --sample 150 --again   of those, only the ones that nothing noticed the last time
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { createInstrumenter } from '@stryker-mutator/instrumenter'
import { createInjector } from 'typed-inject'
import { areas } from './areas.mjs'
import { keyOf, messages } from './plugin.mjs'

const { values } = parseArgs({
  options: {
    area: { type: 'string', multiple: true },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
  },
})
const FOLDER = 'reports/mutation'
mkdirSync(FOLDER, { recursive: true })

const rows = []
for (const area of values.area ?? Object.keys(areas)) {
  const all = await mutantsOf(areas[area].files)
  const drawn = values.sample ? draw(all, Number(values.sample)) : all
  const results = new Map(drawn.map((key) => [key, { status: 'Pending' }]))
  const kept = `${FOLDER}/${area}.results.json`
  if (values.again)
    for (const [key, result] of JSON.parse(readFileSync(kept, 'utf8'))) if (results.has(key)) results.set(key, result)
  const wanted = [...results].filter(([, { status }]) => !['Killed', 'Timeout'].includes(status)).map(([key]) => key)
  stryker(area, wanted)
  for (const [key, result] of reported(area)) if (wanted.includes(key)) results.set(key, result)
  writeFileSync(kept, JSON.stringify([...results], null, 1))
  for (const [key, { status }] of results)
    if (!['Killed', 'Timeout'].includes(status)) console.log(`${status}: ${key.replaceAll('\n', ' ')}`)
  rows.push(rowOf(area, all.length, [...results.values()]))
}
console.log('\n| area | mutants | tried | killed | timeout | survived | not run by a test | score |')
console.log(`|---|---|---|---|---|---|---|---|\n${rows.join('\n')}`)

async function mutantsOf(files) {
  const quiet = () => {}
  const logger = { debug: quiet, info: quiet, warn: quiet, isDebugEnabled: () => false }
  const instrumenter = createInjector().provideValue('logger', logger).injectFunction(createInstrumenter)
  const sources = globSync(files).map((name) => ({ name, mutate: true, content: readFileSync(name, 'utf8') }))
  const options = { plugins: null, excludedMutations: [], ignorers: [messages], noHeader: false }
  const { mutants } = await instrumenter.instrument(sources, options)
  return mutants
    .filter(({ status }) => !status)
    .map((mutant) => keyOf({ ...mutant, fileName: `/${mutant.fileName}` }))
    .sort()
}

/** The ones whose digests come first: the same each time, and no pattern of the code shows in it. */
function draw(keys, count) {
  const place = (key) => createHash('sha256').update(`${values.seed} ${key}`).digest('hex')
  return keys
    .map((key) => [place(key), key])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, count)
    .map(([, key]) => key)
}

function stryker(area, wanted) {
  const list = `${process.cwd()}/${FOLDER}/${area}.drawn.json`
  writeFileSync(list, JSON.stringify(wanted))
  const bin = 'mutate/node_modules/@stryker-mutator/core/bin/stryker.js'
  const env = { ...process.env, MUTATE_AREA: area, MUTATE_DRAWN: list }
  const { status } = spawnSync(process.execPath, [bin, 'run', 'mutate/stryker.config.mjs'], { stdio: 'inherit', env })
  if (status) process.exit(status)
}

function reported(area) {
  const { files } = JSON.parse(readFileSync(`${FOLDER}/${area}.json`, 'utf8'))
  return Object.entries(files).flatMap(([fileName, { mutants }]) =>
    mutants.map((mutant) => [
      keyOf({ ...mutant, fileName: `/${fileName}`, location: fromZero(mutant.location) }),
      { status: mutant.status, static: mutant.static, coveredBy: mutant.coveredBy?.length, why: mutant.statusReason },
    ]),
  )
}

/** The report counts lines and columns from one. */
function fromZero({ start, end }) {
  const less = ({ line, column }) => ({ line: line - 1, column: column - 1 })
  return { start: less(start), end: less(end) }
}

function rowOf(area, total, results) {
  const count = (status) => results.filter((result) => result.status === status).length
  const [killed, timeout, survived, unrun] = ['Killed', 'Timeout', 'Survived', 'NoCoverage'].map(count)
  const tried = killed + timeout + survived + unrun
  const [low, high] = wilson(killed + timeout, tried)
  const percent = (share) => `${(100 * share).toFixed(1)} %`
  const range = tried < total ? ` (95 %: ${percent(low)} to ${percent(high)})` : ''
  const score = percent((killed + timeout) / tried) + range
  return `| ${area} | ${total} | ${tried} | ${killed} | ${timeout} | ${survived} | ${unrun} | ${score} |`
}

/** Where the share of all lies, with 95 %, when so many of a sample were noticed (Wilson's interval). */
function wilson(hits, count) {
  const z = 1.96
  const share = hits / count
  const middle = share + z ** 2 / (2 * count)
  const spread = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2))
  return [middle - spread, middle + spread].map((bound) => bound / (1 + z ** 2 / count))
}
