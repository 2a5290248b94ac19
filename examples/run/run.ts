// `npm run example -- <name>` runs an example with all it needs around it; without a name, it lists them.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import worker from '../worker.ts'
import { servePage } from './page.ts'
import { names, type Place, startPlace } from './place.ts'

const examples = new URL('..', import.meta.url)
const [name = '', ...args] = process.argv.slice(2)

if (!names.includes(name)) {
  if (name) console.error(`There is no example of the name ${name}.\n`)
  for (const each of names) console.log(`npm run example -- ${each.padEnd(18)} ${titleOf(each)}`)
  process.exit(name ? 1 : 0)
}
const place = await startPlace(name).catch((error: Error) => {
  console.error(error.message)
  process.exit(1)
})
process.exitCode = await played(place)
place.close()

async function played({ env, issued }: Place): Promise<number> {
  switch (name) {
    case 'browser-login': {
      const page = await servePage(env.ISSUER as string, env.CLIENT_ID as string, issued)
      console.log(`Open ${page.url}, and sign in with any name and password. Ctrl-C ends it.`)
      await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve))
      page.close()
      return 0
    }
    case 'worker': {
      const answer = await worker.fetch(new Request('https://edge.example/users/42'), env as never)
      console.log(answer.status, await answer.json())
      return answer.ok ? 0 : 1
    }
    case 'service-fleet':
      return Math.max(...(await Promise.all([run(env), run(env)])))
    case 'cli': {
      // What the server knows ends with this program, so the session does too.
      for (const command of args.length ? [args] : [['login'], ['whoami'], ['logout']]) {
        const code = await run(env, command)
        if (code) return code
      }
      return 0
    }
    default:
      return run(env, args)
  }
}

/** Its exit code. */
function run(env: Place['env'], words: readonly string[] = []): Promise<number> {
  const program = new URL(`${name}.ts`, examples).pathname
  const child = spawn(process.execPath, [program, ...words], { stdio: 'inherit', env: { ...process.env, ...env } })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal))
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)))
}

/** The first sentence of its first comment. */
function titleOf(each: string): string {
  return /^\/\/ (.*?)(?:\.| Run:)/.exec(readFileSync(new URL(`${each}.ts`, examples), 'utf8'))?.[1] ?? ''
}
