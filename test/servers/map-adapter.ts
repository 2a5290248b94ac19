import type { Adapter, AdapterPayload } from 'oidc-provider'

/** Keeps what an embedded provider issues for as long as it lives: its own memory forgets after a thousand entries. */
export function mapAdapter(): new (name: string) => Adapter {
  const records = new Map<string, AdapterPayload>()
  return class MapAdapter implements Adapter {
    readonly #name: string
    constructor(name: string) {
      this.#name = name
    }
    #key(id: string): string {
      return `${this.#name}:${id}`
    }
    #where(field: 'uid' | 'userCode', value: string): AdapterPayload | undefined {
      return [...records].find(([key, payload]) => key.startsWith(this.#key('')) && payload[field] === value)?.[1]
    }
    async upsert(id: string, payload: AdapterPayload): Promise<void> {
      records.set(this.#key(id), payload)
    }
    async find(id: string): Promise<AdapterPayload | undefined> {
      return records.get(this.#key(id))
    }
    async findByUid(uid: string): Promise<AdapterPayload | undefined> {
      return this.#where('uid', uid)
    }
    async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
      return this.#where('userCode', userCode)
    }
    async consume(id: string): Promise<void> {
      const payload = records.get(this.#key(id))
      if (payload) payload.consumed = Math.floor(Date.now() / 1000)
    }
    async destroy(id: string): Promise<void> {
      records.delete(this.#key(id))
    }
    async revokeByGrantId(grantId: string): Promise<void> {
      for (const [key, payload] of records)
        if (key.startsWith(this.#key('')) && payload.grantId === grantId) records.delete(key)
    }
  }
}
