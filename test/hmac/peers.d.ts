declare module 'hawk' {
  interface Credentials {
    id?: string
    key: string
    algorithm: 'sha1' | 'sha256'
  }
  export const client: {
    header(uri: URL, method: string, options: object): { header: string }
  }
  export const server: {
    authenticate(
      request: object,
      find: (id: string) => Credentials,
      options?: object,
    ): Promise<{ credentials: Credentials; artifacts: Record<string, unknown> }>
    header(credentials: Credentials, artifacts: Record<string, unknown>, options: object): string
  }
}
declare module 'akamai-edgegrid' {
  export default class EdgeGrid {
    constructor(clientToken: string, clientSecret: string, accessToken: string, host: string)
    auth(request: object): { request: { headers: { Authorization: string } } }
  }
}
