import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Desktop {
  readonly home: string
  /** What a program of this desktop session runs with. */
  readonly env: NodeJS.ProcessEnv
  /** Ends the keychain at once. */
  crash(): Promise<void>
  stop(): Promise<void>
}

const BUS_ALONE = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`

export const newHome = (): string => mkdtempSync(join(tmpdir(), 'latchkey-home-'))

/**
 * A bus of its own with a real Secret Service (gnome-keyring) in a home of its own; nothing of the developer's is touched.
 * The first `unlocked` makes the keychain. `'bus'` is a bus that no keychain can be had on, `'activated'` one that starts it.
 */
export async function desktop(home: string, state: 'unlocked' | 'locked' | 'activated' | 'bus'): Promise<Desktop> {
  const runtime = mkdtempSync(join(tmpdir(), 'latchkey-run-'))
  const env: NodeJS.ProcessEnv = { ...process.env, HOME: home, XDG_RUNTIME_DIR: runtime }
  for (const name of ['XDG_STATE_HOME', 'XDG_DATA_HOME', 'XDG_CONFIG_HOME', 'DISPLAY']) delete env[name]
  const alone = join(runtime, 'bus.conf')
  writeFileSync(alone, BUS_ALONE)
  const config = state === 'bus' ? `--config-file=${alone}` : '--session'
  const bus = spawn('dbus-daemon', [config, '--nofork', '--print-address=1'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  env.DBUS_SESSION_BUS_ADDRESS = await new Promise<string>((resolve) =>
    bus.stdout.once('data', (line: Buffer) => resolve(String(line).trim())),
  )
  let keychain: ChildProcess | undefined
  if (state === 'unlocked' || state === 'locked') {
    const how = state === 'unlocked' ? ['--unlock'] : []
    const daemon = spawn('gnome-keyring-daemon', ['--foreground', '--components=secrets', ...how], {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    daemon.stdin.end('test-pass\n')
    keychain = daemon
    while (!(await answers(env))) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const end = async (child: ChildProcess | undefined) => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return {
    home,
    env,
    crash: () => end(keychain),
    async stop() {
      await end(keychain)
      await end(bus)
      rmSync(runtime, { recursive: true, force: true })
    },
  }
}

async function answers(env: NodeJS.ProcessEnv): Promise<boolean> {
  const { stdout } = await run(
    'dbus-send',
    [
      '--session',
      '--print-reply',
      '--dest=org.freedesktop.DBus',
      '/org/freedesktop/DBus',
      'org.freedesktop.DBus.NameHasOwner',
      'string:org.freedesktop.secrets',
    ],
    { env },
  )
  return stdout.includes('boolean true')
}
