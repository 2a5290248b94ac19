export {
  HTTPError,
  isHTTPError,
  isKyError,
  isNetworkError,
  isTimeoutError,
  NetworkError,
  replaceOption,
  SchemaValidationError,
  TimeoutError,
} from 'ky'
export { type CallOptions, type Client, type ClientOptions, createClient } from './client.ts'
export * from './common.ts'
