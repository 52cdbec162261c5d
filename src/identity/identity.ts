// What could be proven about who sent a message: the one value that roles, filters and screens read.

import type { ArcResult } from './arc/validate.ts'
import type { DkimResult } from './dkim/verify.ts'
import type { Dkim2Result } from './dkim2/verify.ts'
import type { Author } from './dmarc/author.ts'
import type { DmarcResult } from './dmarc/dmarc.ts'
import type { IprevResult } from './iprev.ts'
import type { SpfResult } from './spf/spf.ts'

export interface Identity {
  readonly ip: string
  readonly helo: string
  /** Empty for the null reverse-path. */
  readonly reversePath: string
  readonly spf: SpfResult
  /** One for each signature, topmost first; empty when there is none. */
  readonly dkim: readonly DkimResult[]
  /** Undefined where nobody asked: DKIM2 is a draft, and a switch. */
  readonly dkim2?: Dkim2Result | undefined
  readonly dmarc: DmarcResult
  readonly arc: ArcResult
  readonly iprev: IprevResult
  readonly from: Author
}
