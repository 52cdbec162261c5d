// A directory that other programs of a house share (LDAP, RFC 4511): who there is, and whether a password is theirs.

export interface DirectoryPlace {
  readonly host: string
  readonly port: number
  /** Never neither: passwords are said to it. */
  readonly security: 'tls' | 'starttls'
  /** PEM certificates of authorities that are believed; undefined: those that this machine believes. */
  readonly trusted?: readonly string[]
  /** As whom it is searched; undefined: as nobody. */
  readonly reader?: { readonly dn: string; readonly password: string }
}

export interface DirectoryEntry {
  readonly dn: string
  /** By name in lower case. */
  readonly attributes: ReadonlyMap<string, readonly string[]>
}

export interface DirectorySearch {
  readonly base: string
  /** RFC 4515. */
  readonly filter: string
  readonly attributes: readonly string[]
  /** Entries; there may be more. */
  readonly atMost: number
}

/** The directory has not answered what it was asked: nothing is known now. */
export class DirectoryError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DirectoryError'
  }
}

export interface Directory {
  /** Is it the password of this entry. An empty one never is (RFC 4513 §5.1.2). @throws DirectoryError */
  isPassword(dn: string, password: string): Promise<boolean>
  /** @throws DirectoryError */
  search(search: DirectorySearch): Promise<DirectoryEntry[]>
  /** Ends its connections. */
  close(): void
}
