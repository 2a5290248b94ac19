// `npm start`: the built client goes through all that the gateway guards; a verdict for each, and an exit code for all.
import { startGateway } from './gateway.ts'
import { play, type Result, scenarios } from './scenarios.ts'
import { serve } from './serve.ts'

if (process.argv.includes('--serve')) await serve()
else await drive()

async function drive(): Promise<void> {
  const live = process.stdout.isTTY
  const gateway = await startGateway()
  console.log(`A gateway on ${gateway.url} and one client.\n`)

  const results: Result[] = []
  for (const [index, scenario] of scenarios.entries()) {
    const line = `${String(index + 1).padStart(2)}/${scenarios.length}  ${scenario.title.padEnd(28)}`
    if (live) process.stdout.write(line)
    const result = await play(scenario, gateway, (share) => live && process.stdout.write(`\r${line}${bar(share)}`))
    results.push(result)
    console.log(`${live ? '\r' : ''}${line}${(result.problem ?? 'ok').padEnd(24)}`)
  }
  gateway.close()

  console.log(`\n${row('scenario', 'requests', 'retries', '429s', 'tokens', 'time', 'verdict')}`)
  for (const { title, requests, retries, refused, tokenRequests, milliseconds, problem } of results)
    console.log(
      row(
        title,
        requests,
        retries,
        refused,
        tokenRequests,
        `${Math.round(milliseconds)} ms`,
        problem ? `FAILED: ${problem}` : 'passed',
      ),
    )

  const failed = results.filter(({ problem }) => problem).length
  console.log(failed ? `\n${failed} of ${results.length} failed.` : `\nAll ${results.length} passed.`)
  process.exitCode = failed ? 1 : 0
}

function row(title: string, ...cells: (string | number)[]): string {
  return (
    title.padEnd(30) + cells.map((cell, i) => (i < cells.length - 1 ? String(cell).padStart(9) : `  ${cell}`)).join('')
  )
}

function bar(share: number): string {
  return `${'█'.repeat(Math.round(share * 20)).padEnd(20, '·')} ${Math.round(share * 100)} %`
}
