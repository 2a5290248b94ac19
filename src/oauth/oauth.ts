export { OAuthError, type OAuthErrorCode } from '../errors.ts'
export { type ClientCredentialsOptions, clientCredentials } from './client-credentials.ts'
export type { AuthorizationServer, ServerOptions } from './server.ts'
