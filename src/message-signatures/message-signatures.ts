export type { SignatureErrorCode } from '../errors.ts'
export { checkDigest, contentDigest, type DigestAlgorithm } from '../http/content-digest.ts'
export type { FieldType } from '../http/structured-field.ts'
export { wantedDigest } from '../http/wanted-digest.ts'
export type { SecretEncoding, SignatureAlgorithm, SignatureKey } from './algorithms.ts'
export { jwkThumbprint } from './jwk-thumbprint.ts'
export type { Fields, Message, RequestMessage, ResponseMessage } from './message.ts'
export { type MessageSignatureOptions, messageSignature } from './message-signature.ts'
export { type SignatureFields, type SignatureParameters, type SignOptions, signMessage } from './sign.ts'
export { SignatureError } from './signature-error.ts'
export type { SignatureFacts } from './signature-facts.ts'
export {
  type SignatureVerifier,
  signatureVerifier,
  type VerificationKey,
  type VerifierOptions,
  type VerifyContext,
} from './verify.ts'
export {
  type SignatureDirectoryOptions,
  signatureDirectory,
  type WebBotAuthOptions,
  webBotAuth,
} from './web-bot-auth.ts'
