// `npm run release` checks that this commit may be published, and shows what would be; `npm run release -- --publish` publishes it
// with a provenance statement, which npm makes only in a CI that it trusts (docs.npmjs.com/generating-provenance-statements).
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const publish = process.argv.includes('--publish')
const { name, version, repository } = JSON.parse(readFileSync('package.json', 'utf8'))
const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim()

const faults = [
  [git('status', '--porcelain') === '', 'There are uncommitted changes: commit or discard them.'],
  [
    git('rev-parse', '--abbrev-ref', 'HEAD') === 'main' || process.env.GITHUB_REF_NAME === 'main',
    'Releases are made from main.',
  ],
  [git('tag', '--list', `v${version}`) === '', `v${version} was released before: raise the version in package.json.`],
  [
    new RegExp(`^## ${version.replaceAll('.', '\\.')}$`, 'm').test(readFileSync('CHANGELOG.md', 'utf8')),
    `CHANGELOG.md has no section "## ${version}": rename "## Unreleased".`,
  ],
  [
    !publish || repository?.url,
    'package.json names no `repository`: provenance holds only where it is the one that the CI builds from.',
  ],
  [
    !publish || process.env.ACTIONS_ID_TOKEN_REQUEST_URL || process.env.SIGSTORE_ID_TOKEN,
    'Provenance needs a CI that npm trusts, with an id token.',
  ],
].flatMap(([holds, what]) => (holds ? [] : [what]))
for (const fault of faults) console.error(`- ${fault}`)
if (faults.length && publish) process.exit(1)

for (const script of ['lock', 'build', 'types', 'lint', 'unused', 'package', 'size', 'docs']) {
  console.log(`==> ${script}`)
  if (spawnSync('npm', ['run', '--silent', script], { stdio: ['ignore', 'ignore', 'inherit'] }).status) process.exit(1)
}
console.log(`==> ${publish ? 'publish' : 'what would be published'}: ${name}@${version}`)
const flags = publish ? ['--provenance', '--access', 'public'] : ['--dry-run']
const { status } = spawnSync('npm', ['publish', '--ignore-scripts', ...flags], { stdio: 'inherit' })
process.exit(status || (faults.length ? 1 : 0))
