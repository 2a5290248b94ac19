// The IndexedDB rows of storage.mjs, inside a page of Chromium.
import { createServer } from 'node:http'
import { build } from 'esbuild'
import { launch } from 'puppeteer-core'

const PAGE = `
import { get, set } from 'idb-keyval'
import { indexedDbStore } from './dist/storage/indexed-db.js'

const VALUE = new Uint8Array(4096).fill(7)
const opened = new Promise((resolve) => {
  const request = indexedDB.open('raw', 1)
  request.onupgradeneeded = () => request.result.createObjectStore('records')
  request.onsuccess = () => resolve(request.result)
})
const objectsOf = async (mode) => (await opened).transaction('records', mode, { durability: 'strict' }).objectStore('records')
let n = 0
const store = indexedDbStore('bench')
let version = null

const rows = {
  'idb-keyval, relaxed': { get: () => get('id'), put: () => set('id', { value: VALUE, n: n++ }) },
  'compare-and-set, strict': {
    async get() {
      const objects = await objectsOf('readonly')
      return new Promise((resolve) => { objects.get('id').onsuccess = ({ target }) => resolve(target.result) })
    },
    async put() {
      const objects = await objectsOf('readwrite')
      return new Promise((resolve, reject) => {
        objects.get('id').onsuccess = ({ target }) => {
          if ((target.result?.n ?? 0) !== n) return reject(new Error('conflict'))
          objects.put({ value: VALUE, n: ++n }, 'id')
        }
        objects.transaction.oncomplete = resolve
      })
    },
  },
  indexedDbStore: {
    get: () => store.get('id'),
    async put() { ({ version } = await store.put('id', VALUE, { ifVersion: version })) },
  },
}
export async function time(name, operation, calls) {
  if (name.startsWith('compare')) n = (await rows[name].get())?.n ?? 0
  if (!version) await rows.indexedDbStore.put()
  const start = performance.now()
  for (let i = 0; i < calls; i++) await rows[name][operation]()
  return (performance.now() - start) * 1000
}
`

export async function openBrowser() {
  const resolveDir = new URL('..', import.meta.url).pathname
  const stdin = { contents: PAGE, resolveDir }
  const { outputFiles } = await build({ stdin, bundle: true, format: 'iife', globalName: 'page', write: false })
  // Without these, the page's clock has steps of 100 µs.
  const isolated = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
  const server = createServer((request, response) => {
    const script = request.url === '/page.js'
    response.writeHead(200, { 'content-type': script ? 'text/javascript' : 'text/html', ...isolated })
    response.end(script ? outputFiles[0].text : '<script src="/page.js"></script>')
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  })
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${server.address().port}/`)
  return {
    time: (...given) => page.evaluate((...given) => globalThis.page.time(...given), ...given),
    async close() {
      await browser.close()
      server.close()
    },
  }
}
