import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './ports.ts'

const FILTERS =
  'catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl s3api tempauth slo dlo'

/** OpenStack Swift with its S3 API in a folder of its own: access key `test:tester`, secret `testing`, region us-east-1. */
export async function startSwift(): Promise<{ origin: string; stop(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-swift-'))
  const etc = join(folder, 'etc')
  for (const path of [etc, join(folder, 'node', 'd1')]) mkdirSync(path, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(etc, name), text)
  const [proxy = 0, memcache = 0, ...backends] = await freePorts(5)

  write(
    'swift.conf',
    '[swift-hash]\nswift_hash_path_prefix = p\nswift_hash_path_suffix = s\n[storage-policy:0]\nname = p0\ndefault = yes\n',
  )
  for (const [index, name] of ['object', 'container', 'account'].entries()) {
    const port = backends[index]
    const ring = (...words: string[]) =>
      execFileSync('swift-ring-builder', [`${name}.builder`, ...words], { cwd: etc, stdio: 'ignore' })
    ring('create', '4', '1', '1')
    ring('add', `r1z1-127.0.0.1:${port}/d1`, '1')
    ring('rebalance')
    write(
      `${name}.conf`,
      `[DEFAULT]\nswift_dir = ${etc}\ndevices = ${folder}/node\nmount_check = false\nbind_ip = 127.0.0.1\nbind_port = ${port}\nworkers = 0\nuser = root\nfallocate_reserve = 0\n[pipeline:main]\npipeline = ${name}-server\n[app:${name}-server]\nuse = egg:swift#${name}\n`,
    )
  }
  const filters = FILTERS.split(' ').map((name) => {
    const more: Record<string, string> = {
      s3api: 'location = us-east-1\n',
      tempauth: 'user_test_tester = testing .admin\n',
      cache: `memcache_servers = 127.0.0.1:${memcache}\n`,
    }
    const egg: Record<string, string> = { cache: 'memcache', 'proxy-logging': 'proxy_logging' }
    return `[filter:${name}]\nuse = egg:swift#${egg[name] ?? name}\n${more[name] ?? ''}`
  })
  write(
    'proxy.conf',
    `[DEFAULT]\nswift_dir = ${etc}\nbind_ip = 127.0.0.1\nbind_port = ${proxy}\nworkers = 0\nuser = root\n[pipeline:main]\npipeline = ${FILTERS} proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n${filters.join('')}`,
  )

  const children: ChildProcess[] = []
  const start = (command: string, ...words: string[]) => children.push(spawn(command, words, { stdio: 'ignore' }))
  start('memcached', '-u', 'nobody', '-l', '127.0.0.1', '-p', String(memcache))
  for (const name of ['object', 'container', 'account', 'proxy'])
    start(`swift-${name}-server`, join(etc, `${name}.conf`))
  const stop = () => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  const origin = `http://127.0.0.1:${proxy}`
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(`${origin}/healthcheck`).catch(() => undefined)
    if (answer?.ok) return { origin, stop }
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  stop()
  throw new Error('Swift does not answer')
}
