import { digest } from '../../src/auth/digest.ts'
import { jwt } from '../../src/auth/jwt.ts'
import { sigv4 } from '../../src/aws/aws.ts'
import { hmac } from '../../src/hmac/hmac.ts'
import { type AuthStrategy, apiKey, basic, bearer, type Credential, cookieSession, Secret } from '../../src/index.ts'
import { messageSignature } from '../../src/message-signatures/message-signatures.ts'
import {
  clientCredentials,
  clientSecretJwt,
  jwtBearer,
  type RefreshTokenOptions,
  refreshToken,
  tokenExchange,
} from '../../src/oauth/oauth.ts'

/** Every kind of secret a strategy holds. A new strategy adds its own here, and is proven by all that runs over them. */
export const kinds: Record<string, (secret: Credential) => AuthStrategy> = {
  'an API key in a header': (value) => apiKey({ name: 'X-API-Key', value }),
  'an API key after a prefix': (value) => apiKey({ name: 'Authorization', value, prefix: 'Token ' }),
  'an API key in the query': (value) => apiKey({ in: 'query', name: 'api_key', value }),
  'an API key in a cookie': (value) => apiKey({ in: 'cookie', name: 'key', value }),
  'a bearer token': (value) => bearer(value),
  'the shared secret of a message signature': (key) =>
    messageSignature({ key, algorithm: 'hmac-sha256', keyid: 'public-name' }),
  'a secret access key': (value) =>
    sigv4({
      service: 's3',
      region: 'eu-west-1',
      credentials: async () => ({ accessKeyId: 'id', secretAccessKey: await told(value) }),
    }),
  'a session token': (value) =>
    sigv4({
      service: 's3',
      region: 'eu-west-1',
      credentials: async () => ({
        accessKeyId: 'id',
        secretAccessKey: 'another secret',
        sessionToken: await told(value),
      }),
    }),
  'a refresh token': (value) => session({ refreshToken: value }),
  'a client secret': (clientSecret) => session({ clientSecret }),
  'an access token of a session': (value) => session({}, () => told(value)),
  'a client secret in the content': (clientSecret) => clientCredentials({ ...server(), clientSecret, clientAuthentication: 'post' }), // biome-ignore format: one line
  'a client secret that only makes a MAC': (secret) =>
    clientCredentials({ ...server(), clientAuthentication: clientSecretJwt(secret) }),
  'a subject token': (subjectToken) => tokenExchange({ ...server(), subjectToken }),
  'an assertion': (assertion) => jwtBearer({ ...server(), assertion }),
  'a password': (password) => basic({ username: 'ada', password }),
  'a password for Digest': (password) => digest({ username: 'ada', password }),
  'a secret that signs tokens': (key) => jwt({ algorithm: 'HS256', key: typeof key === 'function' ? () => key() as Promise<string> : key }), // biome-ignore format: one line
  'a user name that is a key': (username) => basic({ username, password: '' }),
  'a CSRF token': (value) => cookieSession({ csrf: { from: (typeof value === 'function' ? value : () => value) as () => string } }), // biome-ignore format: one line
  'the secret of a signature': (secret) => signer(secret),
  'a passphrase beside a signature': (passphrase) => signer('another secret', passphrase),
  'a passphrase in the query': (passphrase) =>
    hmac({
      secret: 'another secret',
      credentials: { passphrase },
      hash: 'sha256',
      encoding: 'hex',
      message: ({ target }) => target,
      place: ({ signature, credentials }) => ({ query: { phrase: credentials.passphrase, signature } }),
    }),
}

/** At a server that gives what it is told to. */
function session(
  options: Partial<RefreshTokenOptions>,
  accessToken: () => Promise<string> = async () => 'another secret',
): AuthStrategy {
  return refreshToken({
    issuer: 'https://login.example.com',
    metadata: { token_endpoint: 'https://login.example.com/token' },
    clientId: 'public-name',
    refreshToken: 'another secret',
    fetch: async () => Response.json({ access_token: await accessToken(), token_type: 'Bearer' }),
    ...options,
  })
}

function signer(secret: Credential, passphrase: Credential = 'another passphrase'): AuthStrategy {
  return hmac({
    keyId: 'public-name',
    secret,
    credentials: { passphrase },
    hash: 'sha256',
    encoding: 'base64',
    message: ({ timestamp, method, target, body }) => [timestamp, method, target, body],
    place: ({ keyId, signature, credentials }) => ({
      headers: { 'X-Key': keyId, 'X-Passphrase': credentials.passphrase, 'X-Signature': signature },
    }),
  })
}

function server() {
  const issuer = 'https://login.example.com'
  return {
    issuer,
    clientId: 'public-name',
    metadata: { token_endpoint: `${issuer}/token` },
    fetch: async () => Response.json({ access_token: 'another secret', token_type: 'bearer' }),
  }
}

async function told(credential: Credential): Promise<string> {
  const value = typeof credential === 'function' ? await credential() : credential
  return value instanceof Secret ? value.use((text) => text) : value
}
