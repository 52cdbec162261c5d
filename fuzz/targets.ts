// Every target by its name: `npm run fuzz -- NAME`.

import type { Targets } from './target.ts'
import { filterTargets } from './targets/filter.ts'
import { identityTargets } from './targets/identity.ts'
import { messageTargets } from './targets/message.ts'
import { movingTargets } from './targets/moving.ts'
import { readerTargets } from './targets/readers.ts'
import { sieveTargets } from './targets/sieve.ts'
import { smtpTargets } from './targets/smtp.ts'
import { systemTargets } from './targets/system.ts'

export const TARGETS: Targets = {
  ...smtpTargets,
  ...messageTargets,
  ...identityTargets,
  ...filterTargets,
  ...movingTargets,
  ...readerTargets,
  ...sieveTargets,
  ...systemTargets,
}
