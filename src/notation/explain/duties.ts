// Who answers for what: every duty that a role has, who plays the role, and whether the description shows that the duty is
// kept. A duty that nobody plays, or that is written down as not done, is where mail is lost or forged.

import type { Facts } from '../facts.ts'
import type { Actor, Block, SystemModel } from '../model.ts'
import { blockLabel } from '../model.ts'

/** `kept`: by how it is drawn or set; `broken`: it is written down that it is not; `nobody`: the role is not played. */
export type DutyState = 'kept' | 'broken' | 'nobody'

export interface Duty {
  readonly role: string
  /** The finding that says it is not kept, where check() tells it by this table. */
  readonly code?: string
  /** What must be done: "authenticates the Author". */
  readonly duty: string
  readonly why: string
  /** Says of one who plays the role why the duty is not kept; undefined: it is. */
  readonly fault: (block: Block, actor: Actor, facts: Facts) => string | undefined
}

export interface DutyRow {
  readonly role: string
  readonly duty: string
  readonly why: string
  readonly state: DutyState
  /** Who plays it, as written; several where the role is played at several places. */
  readonly who: readonly string[]
  /** For a broken duty, one sentence for each who breaks it. */
  readonly faults: readonly string[]
}

const says = (facts: Facts, actor: Actor, key: string, value: string) => facts.values(actor, key).at(-1) === value

const DUTIES: readonly Duty[] = [
  {
    role: 'Author',
    duty: 'sends through the MSA that knows him',
    why: 'Who is not known to an MSA cannot be vouched for by anybody.',
    fault: (block, _actor, facts) => {
      const next = facts.next(block)
      return next === undefined || next.roles.includes('MSA')
        ? undefined
        : `hands over to ${blockLabel(next)}, which is no MSA`
    },
  },
  {
    role: 'MSA',
    code: 'R06',
    duty: 'authenticates the Author, by password, static address or local network',
    why: 'A key responsibility of the MSA is to authenticate the Author.',
    fault: (_block, actor, facts) => {
      const isOpen = says(facts, actor, 'password', 'no') && facts.values(actor, 'network').length === 0
      return isOpen && !facts.hasStations
        ? 'has no way left to know an Author: password=no, and no network= or ip='
        : undefined
    },
  },
  {
    role: 'Transmitter',
    duty: 'proves its identity out of band, in DNS',
    why: 'It is not enough to say "HELO, this is trustme.com": the Receiver needs data from where more trust is.',
    fault: (_block, actor, facts) => {
      const isOff = (key: string) => ['no', 'none'].some((word) => says(facts, actor, key, word))
      return isOff('spf') && isOff('dkim') ? 'publishes neither keys (dkim) nor addresses (spf)' : undefined
    },
  },
  {
    role: 'Transmitter',
    code: 'R12',
    duty: 'lets no spam leave',
    why: "The Transmitter's responsibilities include prevention of outgoing spam.",
    fault: (block, _actor, facts) => {
      const before = facts.previous(block)
      // An Author without an MSA is a finding of his own (R02).
      if (block.roles.includes('MSA') || before === undefined || before.roles.includes('Author')) return undefined
      return before.roles.includes('MSA') || before.roles.includes('Transmitter') || before.unknown
        ? undefined
        : `takes mail from ${blockLabel(before)}, whom no MSA has authenticated`
    },
  },
  {
    role: 'Receiver',
    duty: 'does the Border defence, at the Border',
    why: 'Border defense should be done at the Border. Loss of mail due to violations of this principle is common.',
    fault: (block, _actor, facts) =>
      facts.isBehind(block) ? 'stands behind the Border: what it refuses has been accepted already' : undefined,
  },
  {
    role: 'Receiver',
    duty: 'refuses during SMTP, and never accepts and then bounces',
    why: 'A bounce to an alleged sender who wrote nothing is spam of our own.',
    fault: () => undefined,
  },
  {
    role: 'Backup MX',
    duty: 'does the same Border defence as the one it stands in for, and knows for whom it takes mail',
    why: 'Spammers go where the defence is weaker.',
    fault: (_block, actor, facts) =>
      facts.values(actor, 'domain').length > 0 && facts.values(actor, 'recipients').length === 0
        ? 'has no list of the Recipients (recipients=): while its primary is away, it can only say "later"'
        : undefined,
  },
  {
    role: 'Forwarder',
    code: 'R07',
    duty: 'does not make honest mail look forged at the next place',
    why: 'Protocols that correlate the domain name and the connecting address can fail when a Forwarder is involved.',
    fault: (_block, actor, facts) => {
      const gone = ['srs', 'arc'].filter((key) => says(facts, actor, key, 'no'))
      const changes = facts.values(actor, 'modifies')
      if (changes.length > 0) return `changes ${changes.join(', ')}: the signature of the Author's domain breaks`
      return gone.length === 2 ? 'neither rewrites the reverse-path (srs=no) nor seals what it saw (arc=no)' : undefined
    },
  },
  {
    role: 'Forwarder',
    duty: 'makes sure that the Recipient has it whitelisted',
    why: 'Forwarders should make sure that Recipients (non-expert users) understand this.',
    fault: (block, _actor, facts) => {
      const mda = facts.mdaBehind(block)
      if (mda === undefined || mda.actor === block.actor || facts.isTrusted(block)) return undefined
      return `${blockLabel(mda)} does not know that it forwards for its Recipient`
    },
  },
  {
    role: 'Open Relay',
    duty: 'has none, and keeps none',
    why: 'An Open Relay sends mail for anyone, so nobody is responsible for it and no Receiver can trust it.',
    fault: () => 'sends whatever anybody hands it',
  },
  {
    role: 'MDA',
    duty: 'keeps the mail, and makes it easy to whitelist Forwarders',
    why: 'MDAs should understand that forwarding is a common need.',
    fault: () => undefined,
  },
  {
    role: 'Recipient',
    duty: 'tells his MDA which Forwarders pass his mail on',
    why: 'When a Recipient sets up forwarding to his new MDA, he should make sure that the Forwarder is whitelisted.',
    fault: (block, _actor, facts) => {
      const forwarder = facts.forwarderBefore(block)
      return forwarder === undefined || facts.isTrusted(forwarder)
        ? undefined
        : `has not told it of ${blockLabel(forwarder)} (trusts=)`
    },
  },
]

/** The faults of everybody who plays the role, each with its place. */
export function faultsOf(model: SystemModel, facts: Facts): { duty: Duty; block: Block; fault: string }[] {
  return DUTIES.flatMap((duty) =>
    firstPlaces(model, duty.role).flatMap((block) => {
      const fault = duty.fault(block, facts.actorOf(block), facts)
      return fault === undefined ? [] : [{ duty, block, fault }]
    }),
  )
}

/** Each actor in the role, where he is drawn first: what he is set to is said once. */
function firstPlaces(model: SystemModel, role: string): Block[] {
  const seen = new Set<string>()
  return model.blocks.filter(({ roles, actor }) => {
    if (!roles.includes(role) || seen.has(actor)) return false
    seen.add(actor)
    return true
  })
}

/** Roles without which no mail gets from an Author to a Recipient. */
const NEEDED = ['MSA', 'Transmitter', 'Receiver', 'MDA']

/** The responsibility matrix: role, duty, who. Duties of roles that nobody plays are told where a flow needs them. */
export function dutiesOf(model: SystemModel, facts: Facts): DutyRow[] {
  const isWhole = model.flows.some(({ blocks }) => blocks.length > 0)
  return DUTIES.flatMap(({ role, duty, why, fault }): DutyRow[] => {
    const blocks = model.blocks.filter((block) => block.roles.includes(role))
    if (blocks.length === 0)
      return isWhole && NEEDED.includes(role) && facts.needs(role)
        ? [{ role, duty, why, state: 'nobody', who: [], faults: [] }]
        : []
    const faults = blocks.flatMap((block) => {
      const found = fault(block, facts.actorOf(block), facts)
      return found === undefined ? [] : [`${blockLabel(block)}: ${found}.`]
    })
    const who = [...new Set(blocks.map(blockLabel))]
    return [{ role, duty, why, state: faults.length > 0 ? 'broken' : 'kept', who, faults: [...new Set(faults)] }]
  })
}
