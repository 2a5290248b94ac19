// AWS credentials: the function is asked for each signature, so a rotating provider fits.
// Run: API_URL=… AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… node examples/aws.ts
import { createClient } from 'latchkey'
import { sigv4 } from 'latchkey/aws'

const { API_URL = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = process.env

const credentials = () => ({ accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY })
const api = createClient({
  baseUrl: API_URL,
  auth: sigv4({ service: 'execute-api', region: 'eu-west-1', credentials }),
})
console.log(await api.post('users/42', { json: { name: 'Ada' } }).json<{ name: string }>())
