// The certificate of an agent that is reached by strangers: asked of an authority and renewed in time, or read from files that
// somebody else renews. While there is none, the agent's own stands in: mail is encrypted, but proves nothing.

import { X509Certificate } from 'node:crypto'
import type { TlsIdentity } from '../world/network.ts'
import type { World } from '../world/world.ts'

/** Certificates of an hour's or of a year's life are renewed alike, when a third of it is left. */
const RENEW_AT = 1 / 3
const LOOK_AGAIN_MS = 3600_000
/** Authorities block who asks too often. */
const AFTER_FAILURE_MS = 2 * 3600_000
const FILE = 'certificate.json'

interface Kept {
  readonly accountKeyPem: string
  readonly identity?: TlsIdentity
}

/** What there is to use now, and when to look again. @throws when it cannot be had */
export type CertificateSource = () => Promise<{ readonly identity: TlsIdentity; readonly againAfterMs: number }>

/** Whether the certificate is for these names and more than a third of its life is left. */
function isFresh({ certificatePem }: TlsIdentity, names: readonly string[], nowMs: number): boolean {
  const certificate = new X509Certificate(certificatePem)
  const [from, to] = [certificate.validFromDate.getTime(), certificate.validToDate.getTime()]
  const isFor = names.every((name) => certificate.checkHost(name) !== undefined)
  return isFor && nowMs < to - (to - from) * RENEW_AT
}

/**
 * Asks an authority when the one that is kept is missing, for other names, or grows old. The account's key is kept, too.
 * `keyPem`: the key that every certificate must be for, because DNS shows it (DANE); else each has a new one.
 */
export function fromAuthority(
  world: Pick<World, 'disk'> & { readonly clock: Pick<World['clock'], 'now'> },
  names: readonly string[],
  authority: { makeKey(): Promise<string>; order(accountKeyPem: string, keyPem?: string): Promise<TlsIdentity> },
  keyPem?: string,
): CertificateSource {
  const keep = (kept: Kept) => world.disk.writeFile(FILE, Buffer.from(JSON.stringify(kept)), { secret: true })
  return async () => {
    const file = await world.disk.readFile(FILE)
    const kept: Kept = file ? JSON.parse(file.toString('utf8')) : { accountKeyPem: await authority.makeKey() }
    if (file === undefined) await keep(kept)
    const isItsKey = keyPem === undefined || kept.identity?.privateKeyPem === keyPem
    if (kept.identity !== undefined && isItsKey && isFresh(kept.identity, names, world.clock.now()))
      return { identity: kept.identity, againAfterMs: LOOK_AGAIN_MS }
    const identity = await authority.order(kept.accountKeyPem, keyPem)
    await keep({ ...kept, identity })
    return { identity, againAfterMs: LOOK_AGAIN_MS }
  }
}

/** Gives the agent its certificate, and each later one, until it is stopped. */
export class CertificateKeeper {
  readonly #clock: Pick<World['clock'], 'after'>
  readonly #source: CertificateSource
  readonly #use: (identity: TlsIdentity) => void
  readonly #failed: (why: string, expiresAt: Date | undefined) => void
  #current: TlsIdentity | undefined
  #timer: { cancel(): void } | undefined
  #isStopped = false

  constructor(
    clock: Pick<World['clock'], 'after'>,
    source: CertificateSource,
    use: (identity: TlsIdentity) => void,
    failed: (why: string, expiresAt: Date | undefined) => void,
  ) {
    this.#clock = clock
    this.#source = source
    this.#use = use
    this.#failed = failed
  }

  /** Looks now, and from then on by itself. Never throws: what fails is told, and tried again. */
  async look(): Promise<void> {
    let againAfterMs = AFTER_FAILURE_MS
    try {
      const found = await this.#source()
      againAfterMs = found.againAfterMs
      if (found.identity.certificatePem !== this.#current?.certificatePem) {
        this.#use(found.identity)
        this.#current = found.identity
      }
    } catch (error) {
      const { message } = error as Error
      this.#failed(message, this.#current && new X509Certificate(this.#current.certificatePem).validToDate)
    }
    if (!this.#isStopped) this.#timer = this.#clock.after(againAfterMs, () => void this.look())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }
}
