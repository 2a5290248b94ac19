// Medians of several rounds in one run, as ratios: the machine is shared, so absolute times mean little.
// What is counted is processor time, which other processes disturb less than the clock on the wall.

const ROUNDS = 15

/**
 * Runs the cases by turns, so that noise meets all of them, and prints each beside the one it is compared with. What waits for
 * disks or other processes is timed by the clock on the wall: a `run` that returns a number gives its own microseconds.
 */
export async function compare(title, cases, { calls = 5000, rounds = ROUNDS } = {}) {
  console.log(`\n${title}: ${rounds} rounds of ${calls} calls`)
  const times = new Map(cases.map(({ name }) => [name, []]))
  for (let round = -2; round < rounds; round++) {
    for (const { name, run } of cases) {
      const start = process.cpuUsage()
      const own = await run(calls)
      if (round >= 0) times.get(name).push((own ?? used(process.cpuUsage(start))) / calls)
    }
    if (process.stdout.isTTY) process.stdout.write(`\r  round ${round + 1}/${rounds} `)
  }
  if (process.stdout.isTTY) process.stdout.write('\r')
  const medians = new Map([...times].map(([name, values]) => [name, median(values)]))
  for (const { name, against, aim } of cases) {
    const ratio = against && medians.get(name) / medians.get(against)
    const beside = ratio ? `${ratio.toFixed(2)} × ${against}` : ''
    console.log(
      `  ${name.padEnd(40)} ${medians.get(name).toFixed(2).padStart(8)} µs  ${beside}${aim ? `  (aim: at most ${aim.toFixed(2)})` : ''}`,
    )
  }
  return medians
}

function used({ user, system }) {
  return user + system
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** One after the other: what a call costs, not how many run at once. */
export const oneByOne = (call) => async (calls) => {
  for (let i = 0; i < calls; i++) await call()
}
