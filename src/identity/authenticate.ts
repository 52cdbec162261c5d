// Authenticate: everything that can be proven about one message, from its connection, its envelope and its bytes.
// SPF, DKIM, ARC and iprev ask DNS side by side; DMARC follows, because it weighs what they found.

import type { Header } from '../message/header.ts'
import type { Dns } from '../world/dns.ts'
import type { Clock, Cpu } from '../world/world.ts'
import { validateArcOf } from './arc/validate.ts'
import { CanonicalMessage } from './dkim/signed-fields.ts'
import { verifyDkimOf } from './dkim/verify.ts'
import { verifyDkim2 } from './dkim2/verify.ts'
import { authorOf } from './dmarc/author.ts'
import { evaluateDmarc } from './dmarc/dmarc.ts'
import type { Identity } from './identity.ts'
import { checkIprev } from './iprev.ts'
import { checkHost } from './spf/spf.ts'

export type { Identity } from './identity.ts'
export { authenticationResults, stripForgedResults } from './results.ts'

export interface Arrival {
  /** The whole message, CRLF line ends. */
  readonly source: Buffer
  /** parseHeader(source) */
  readonly header: Header
  /** The client's address. */
  readonly ip: string
  readonly helo: string
  /** MAIL FROM without brackets; empty for the null reverse-path. */
  readonly reversePath: string
  /** The forward-paths, without brackets: given where DKIM2 is to be verified, too. */
  readonly dkim2Recipients?: readonly string[] | undefined
}

/** Never rejects: every outcome is in the value. */
export async function authenticate(
  arrival: Arrival,
  world: { readonly dns: Dns; readonly clock: Clock; readonly cpu?: Cpu; readonly receiverName: string },
): Promise<Identity> {
  const { header, ip, helo, reversePath } = arrival
  const { dns, clock } = world
  const message = new CanonicalMessage(header)
  const recipients = arrival.dkim2Recipients
  const [spf, dkim, arc, iprev, dkim2] = await Promise.all([
    checkHost({ ip, helo, sender: reversePath, receiver: world.receiverName }, dns, clock),
    verifyDkimOf(message, world),
    validateArcOf(message, dns),
    checkIprev(ip, dns),
    recipients && verifyDkim2(header, { reversePath, recipients }, dns, clock),
  ])
  const from = authorOf(header)
  const dmarc = await evaluateDmarc(from, { spf, dkim }, dns)
  return { ip, helo, reversePath, spf, dkim, dkim2, dmarc, arc, iprev, from }
}
