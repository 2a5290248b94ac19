// A vendor's SDK that takes a fetch: its types, our pipeline. Run: API_URL=… API_KEY=… node examples/vendor-sdk.ts
import { bearer, createFetch } from 'latchkey/fetch'
import OpenAI from 'openai'

const { API_URL = '', API_KEY = '' } = process.env

const openai = new OpenAI({
  baseURL: API_URL,
  // What the SDK puts in its place is replaced by the strategy, which may rotate.
  apiKey: 'held by Latchkey',
  maxRetries: 0,
  fetch: createFetch({ origins: [API_URL], auth: bearer(() => API_KEY) }),
})
const { choices } = await openai.chat.completions.create({
  model: 'any',
  messages: [{ role: 'user', content: 'Who is user 42?' }],
})
console.log(choices[0]?.message.content)
