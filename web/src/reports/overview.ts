// What /api/reports answers (src/roles/reports/overview.ts).

export interface Source {
  readonly ip: string
  readonly messages: number
  readonly proven: number
  readonly bySignature: number
  readonly byAddress: number
  readonly refused: number
  readonly setAside: number
  readonly from: readonly string[]
  readonly meaning: string
  readonly advice: string
}

export interface DomainView {
  readonly domain: string
  readonly policy: string
  readonly messages: number
  readonly proven: number
  readonly refused: number
  readonly setAside: number
  readonly reporters: readonly string[]
  readonly sources: readonly Source[]
  readonly moreSources: number
}

export interface TlsView {
  readonly domain: string
  readonly reporters: readonly string[]
  readonly good: number
  readonly bad: number
  readonly failures: readonly {
    readonly what: string
    readonly where: string
    readonly count: number
    readonly meaning: string
  }[]
}

export interface Overview {
  readonly domains: readonly DomainView[]
  readonly tls: readonly TlsView[]
  readonly complaints: readonly {
    readonly about: string
    readonly count: number
    readonly latest: readonly {
      readonly atMs: number
      readonly type: string
      readonly by: string
      readonly isProven: boolean
      readonly subject: string
    }[]
  }[]
  readonly received: readonly {
    readonly atMs: number
    readonly kind: string
    readonly about: string
    readonly by: string
    readonly isProven: boolean
    readonly note: string
  }[]
  readonly ours: readonly {
    readonly kind: 'dmarc' | 'tls'
    readonly domain: string
    readonly date: string
    readonly state: string
    readonly messages: number
    readonly outcome: string
  }[]
}
