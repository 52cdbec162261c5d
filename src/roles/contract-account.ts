// The account under which a store keeps what was carried under a contract: its messages, its list of those it does not write
// to, its webhooks. No mail reaches it, since its domain can be nobody's (RFC 6761 §6.4), and nobody signs in to it.

import type { ContractDay } from '../store/apply/contract-counts.ts'

const NOWHERE = '@contract.invalid'

export const contractAddress = (name: string) => `${name.toLowerCase()}${NOWHERE}`

/** The contract whose account this is; undefined: a person's. */
export const contractOf = (address: string): string | undefined =>
  address.endsWith(NOWHERE) ? address.slice(0, -NOWHERE.length) : undefined

/** The setting that says whether nothing more is taken from it. */
export const suspendedKey = (name: string) => `contract.${name}.suspended`

const DAY_MS = 86_400_000

/** Days on which something was carried, one line each. */
export function contractReport(days: readonly ContractDay[]): string {
  const lines = days
    .filter(({ messages, refused, delivered, returned }) => messages + refused + delivered + returned > 0)
    .map(
      ({ day, messages, recipients, refused, delivered, returned }) =>
        `${new Date(day * DAY_MS).toISOString().slice(0, 10)}  ${messages} messages to ${recipients} recipients, ${refused} refused; ${delivered} delivered, ${returned} returned`,
    )
  return lines.join('\n') || `Nothing was carried in the last ${days.length} days.`
}
