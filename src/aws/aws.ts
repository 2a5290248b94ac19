export type { AwsCredentials } from './credentials.ts'
export { type PresignOptions, presign, type SigV4PresignOptions } from './presign.ts'
export { type SigV4Options, sigv4 } from './sigv4.ts'
