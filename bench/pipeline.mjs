// What a call costs over a fetch that answers at once.
import ky from 'ky'
import { createFetch } from '../dist/fetch.js'
import { apiKey, createClient } from '../dist/index.js'
import { compare, oneByOne } from './compare.mjs'

const url = 'https://api.example.com/v1/users/42'
const stub = async () => new Response('ok')
const auth = apiKey({ name: 'X-API-Key', value: 'key' })
const latchkeyFetch = createFetch({ origins: ['https://api.example.com'], auth, fetch: stub })
const client = createClient({ baseUrl: 'https://api.example.com/v1/', auth, fetch: stub })
const bare = ky.create({ fetch: stub, timeout: false, retry: 0, headers: { 'X-API-Key': 'key' } })
const defaults = ky.create({ fetch: stub, headers: { 'X-API-Key': 'key' } })

await compare('a GET with one header', [
  { name: 'stub', run: oneByOne(() => stub(url, { headers: { 'X-API-Key': 'key' } })) },
  {
    name: 'stub + new Request',
    run: oneByOne(() => stub(new Request(url, { headers: { 'X-API-Key': 'key' } }))),
    against: 'stub',
  },
  { name: 'createFetch + apiKey', run: oneByOne(() => latchkeyFetch(url)), against: 'stub + new Request', aim: 2 },
  { name: 'ky, timeout: false, retry: 0', run: oneByOne(() => bare(url)), against: 'stub + new Request' },
  { name: 'ky, defaults', run: oneByOne(() => defaults(url)), against: 'stub + new Request' },
  { name: 'createClient + apiKey', run: oneByOne(() => client.get(url)), against: 'ky, defaults', aim: 1.25 },
])
