// Types of the platform, found where every runtime declares them: a service that is compiled without the DOM library has no such names.
export type CryptoKey = Extract<Awaited<ReturnType<typeof crypto.subtle.generateKey>>, { type: string }>

export interface CryptoKeyPair {
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
}

/** RFC 7517, with the members of RFC 7518. */
export interface JsonWebKey {
  kty?: string
  use?: string
  key_ops?: string[]
  alg?: string
  ext?: boolean
  crv?: string
  x?: string
  y?: string
  d?: string
  n?: string
  e?: string
  p?: string
  q?: string
  dp?: string
  dq?: string
  qi?: string
  oth?: { r?: string; d?: string; t?: string }[]
  k?: string
}

export type BodyInit = NonNullable<ConstructorParameters<typeof Response>[0]>
export type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>
export type RequestRedirect = Request['redirect']
