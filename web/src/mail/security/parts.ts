// What the parts of the security settings share: how things stand, as `/api/security` tells it, and how they are changed.

export interface AppPassword {
  readonly id: number
  readonly name: string
  readonly doors: readonly string[]
  readonly createdAtMs: number
  readonly lastUse: { readonly atMs: number; readonly from: string; readonly door: string } | null
}

export interface Certificate extends AppPassword {
  /** SHA-256, hexadecimal. */
  readonly key: string
}

export interface Passkey {
  readonly id: number
  readonly name: string
  readonly createdAtMs: number
  readonly lastUse: { readonly atMs: number; readonly from: string } | null
  readonly isShared: boolean
}

export interface Security {
  readonly doors: readonly string[]
  readonly passwords: readonly AppPassword[]
  readonly grants: readonly {
    readonly id: number
    readonly name: string
    readonly scopes: readonly string[]
    readonly createdAtMs: number
    readonly lastUse: AppPassword['lastUse']
  }[]
  readonly certificates: readonly Certificate[]
  readonly other: {
    readonly name: string
    readonly links: readonly { readonly id: number; readonly linkedAtMs: number }[]
  } | null
  readonly secondFactor: { readonly isOn: boolean; readonly codesLeft: number }
  readonly passwordIsElsewhere: boolean
  readonly passkeys: { readonly canMake: boolean; readonly list: readonly Passkey[] }
  readonly connections: readonly {
    readonly id: number
    readonly door: string
    readonly from: string
    readonly sinceMs: number
    readonly name: string | null
  }[]
  readonly browsers: readonly {
    readonly id: number
    readonly program: string
    readonly from: string
    readonly sinceMs: number
    readonly usedMs: number
    readonly isThis: boolean
  }[]
}

/** What an answer shows once. */
export interface Once {
  readonly secret?: string
  readonly uri?: string
  readonly codes?: readonly string[]
  readonly passkey?: PublicKeyCredentialCreationOptionsJSON
}

export type Act = (wish: object) => Promise<Once>

/** What people call the doors. */
export const DOOR_NAMES: Readonly<Record<string, string>> = {
  imap: 'read mail (IMAP)',
  pop3: 'fetch mail (POP3)',
  smtp: 'send mail (SMTP)',
  jmap: 'JMAP',
  managesieve: 'filters (ManageSieve)',
}

export const day = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
export const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
