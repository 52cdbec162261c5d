// What an account may keep: by ManageSieve (RFC 5804 §2.5, QUOTA) and by JMAP (RFC 9661 §1.4.1).

import type { ScriptQuota } from '../../store/nouns/people.ts'

export const SCRIPT_QUOTA: ScriptQuota = { scripts: 100, bytes: 1024 * 1024 }

/** The largest single script. */
export const MAX_SCRIPT_BYTES = 512 * 1024
