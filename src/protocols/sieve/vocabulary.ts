// Every command and test of this Sieve.

import { ADDRESSES } from './addresses.ts'
import { BODIES } from './bodies.ts'
import { CONTROL } from './control.ts'
import { DATES } from './dates.ts'
import { DELIVERY } from './deliver.ts'
import { EDITHEADER } from './editheader.ts'
import { FLAGS } from './flags.ts'
import { HEADERS } from './headers.ts'
import type { Spec } from './language.ts'
import { MAILBOXES } from './mailboxes.ts'
import { NOTIFY } from './notify.ts'
import { PARTS } from './parts.ts'
import { SURROUNDINGS } from './surroundings.ts'
import { VACATION } from './vacation.ts'
import { VARIABLES } from './variables.ts'

const ALL = [
  ...CONTROL,
  ...DELIVERY,
  ...HEADERS,
  ...ADDRESSES,
  ...VARIABLES,
  ...FLAGS,
  ...DATES,
  ...BODIES,
  ...EDITHEADER,
  ...PARTS,
  ...VACATION,
  ...NOTIFY,
  ...MAILBOXES,
  ...SURROUNDINGS,
]

export type Words = ReadonlyMap<string, Spec>

/** By kind and name: a word may be a command and a test. */
export const wordKey = (kind: Spec['kind'], name: string) => `${kind} ${name}`

export const VOCABULARY: Words = new Map(ALL.map((spec) => [wordKey(spec.kind, spec.name), spec]))
