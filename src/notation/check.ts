// What is wrong with a system, beyond how it is written: relationships that cannot be (M..) and roles whose
// responsibilities nobody keeps (R..), each with the article's reason and a remedy. Structure only: what a setting
// means is known in src/system/; here only `trusts`, `whitelist`, `checks`, `spf` and `dkim` are looked at.

import { weakPoints } from './explain/weak-points.ts'
import { Facts, listed } from './facts.ts'
import { byPlace, finding } from './findings.ts'
import {
  type Block,
  blockLabel,
  type Finding,
  type Fix,
  type Flow,
  type Hop,
  type Span,
  type SystemModel,
} from './model.ts'
import { after } from './text.ts'
import { isKnownRole } from './vocabulary.ts'

const REASON = {
  noRelationship: 'There is no relationship between agents across the Border to the open Internet.',
  indirect: 'Two actors have an indirect relationship because both have a direct relationship with the same third.',
  submission: 'A key responsibility of the MSA is to authenticate the Author.',
  borderDefence:
    'Border defense should be done at the Border. Loss of mail due to violations of this principle is common.',
  identity:
    "The Transmitter's responsibilities include providing some means to prove their identity to unrelated Receivers.",
  openRelay: 'An Open Relay sends mail for anyone, so nobody is responsible for it and no Receiver can trust it.',
  whitelist:
    'When a Recipient sets up forwarding from his old Receiver/Forwarder to his new MDA, he should make sure that the Forwarder is whitelisted by the MDA.',
  forwarded:
    'The packets do cross the Internet here, but the trust is on the side of the Recipient, who has a relationship with both; so it is no Border.',
}

const GUARDS = new Set(['Receiver', 'Gateway', 'Filter', 'Mailing List', 'Open Relay', 'Backup MX'])

/** All findings of a model, in the order of its text: those of reading it (N codes), and M and R codes. */
export function check(model: SystemModel): Finding[] {
  const facts = new Facts(model)
  const end = endOf(model.source)
  const found = [...model.findings]
  for (const hop of model.hops) found.push(...acrossBorder(hop, facts))
  for (const relation of model.relationships) {
    if (relation.kind === 'indirect' && relation.via === undefined)
      found.push(
        finding(
          'M02',
          'warning',
          relation.span,
          'Nobody is drawn to whom both sides of this indirect relationship are related',
          [{ label: 'Draw who it is, e.g. Receiver/Forwarder ~~> MDA ==> Recipient', edits: [] }],
          REASON.indirect,
        ),
      )
  }
  // One by one: a call has not room for as many as a long flow can have.
  const add = (more: readonly Finding[]) => {
    for (const one of more) found.push(one)
  }
  for (const flow of model.flows) {
    add(submission(flow))
    add(borderDefence(flow, facts))
    add(forwarding(flow, facts, end))
    add(strangers(flow, facts))
  }
  add(weakPoints(model, facts))
  // What several ways of a flow share is found on each.
  const told = new Map(found.map((one) => [`${one.code} ${one.span.start} ${one.span.end} ${one.message}`, one]))
  return [...told.values()].sort(byPlace)
}

/** M01, and M03 for what looks like it but is right (rule A9). */
function acrossBorder(hop: Hop, facts: Facts): Finding[] {
  const from = facts.block(hop.from)
  const to = facts.block(hop.to)
  if (hop.border && hop.arrow !== 'flow') {
    const wrong = hop.arrows.filter(({ arrow }) => arrow !== 'flow')
    const fixes = [{ label: 'Write --> / -->', edits: wrong.map(({ span }) => ({ span, text: '-->' })) }]
    if (hop.arrow === 'indirect' && from?.roles.includes('Forwarder'))
      fixes.push({ label: 'The Recipient relates both: write ~~> without /', edits: [{ span: hop.span, text: '~~>' }] })
    return [
      finding(
        'M01',
        'error',
        wrong[0]!.span,
        `${hop.arrow === 'direct' ? 'A direct' : 'An indirect'} relationship cannot cross the Border`,
        fixes,
        REASON.noRelationship,
      ),
    ]
  }
  const abroad = from?.network !== undefined && to?.network !== undefined && from.network !== to.network
  if (hop.arrow === 'indirect' && abroad && from.roles.includes('Forwarder'))
    return [
      finding('M03', 'hint', hop.span, 'This Forwarder stands in another network than the MDA', [], REASON.forwarded),
    ]
  return []
}

/** R02: between the Author and the Border somebody must be the MSA. */
function submission(flow: Flow): Finding[] {
  const found: Finding[] = []
  const borderFrom = new Set(flow.hops.filter((hop) => hop.border).map((hop) => hop.from))
  let author: Block | undefined
  for (const block of flow.blocks) {
    if (block.roles.includes('Author')) author = block
    if (author === undefined) continue
    if (block.roles.includes('MSA') || block.unknown) {
      author = undefined
      continue
    }
    const transmits = block.roles.indexOf('Transmitter')
    if (transmits < 0 && !borderFrom.has(block.id)) continue
    const fix =
      transmits >= 0
        ? [
            {
              label: 'Let one actor play both roles: MSA/Transmitter',
              edits: [{ span: block.roleSpans[transmits]!, text: 'MSA/Transmitter' }],
            },
          ]
        : block === author
          ? [
              {
                label: 'Write ==> MSA/Transmitter behind the Author',
                edits: [{ span: after(block.span), text: ' ==> MSA/Transmitter' }],
              },
            ]
          : []
    const between = transmits >= 0 ? 'the Transmitter' : 'the Border'
    found.push(
      finding('R02', 'warning', block.span, `No MSA stands between the Author and ${between}`, fix, REASON.submission),
    )
    author = undefined
  }
  return found
}

/** R01: who stands directly behind the Border must be the Receiver, and nobody further inside can be. */
function borderDefence(flow: Flow, facts: Facts): Finding[] {
  const found: Finding[] = []
  let inside = false
  let reported = false
  let forwarder: Block | undefined
  for (const block of flow.blocks) {
    const hop = facts.into(block)
    const guards = block.roles.some((role) => GUARDS.has(role))
    if (hop?.border) {
      inside = true
      forwarder = undefined
      reported = !guards && !block.unknown && block.roles.every(isKnownRole)
      if (reported) found.push(r01(block, `${blockLabel(block)} stands at the Border, but is no Receiver`, 'Receiver/'))
    } else if (inside && !reported && block.roles.includes('Receiver') && !facts.believesBackup(block)) {
      found.push(
        r01(
          block,
          `This Receiver stands behind the Border, where ${forwarder ? 'forwarded mail can look like a forgery' : 'its checks come too late'}`,
        ),
      )
      reported = true
    }
    if (forwarder !== undefined && !reported && checksIdentity(block, facts) && !facts.isTrusted(forwarder)) {
      found.push(
        r01(
          block,
          `${blockLabel(block)} checks the identity of mail that ${blockLabel(forwarder)} forwards, which can look like a forgery`,
        ),
      )
    }
    if (block.roles.includes('Forwarder')) forwarder = block
  }
  return found
}

function r01(block: Block, message: string, role?: string): Finding {
  const fixes =
    role === undefined
      ? [{ label: 'Check at the Border, and let the MDA trust what the Receiver found (trusts=)', edits: [] }]
      : [
          {
            label: `Write ${role}${blockLabel(block)}`,
            edits: [{ span: { ...block.span, end: block.span.start }, text: role }],
          },
        ]
  return finding('R01', 'warning', block.span, message, fixes, REASON.borderDefence)
}

function checksIdentity(block: Block, facts: Facts): boolean {
  return listed(facts.values(facts.actorOf(block), 'checks')).some((value) => /^(spf|dmarc)$/i.test(value))
}

/** R05: whose mail is forwarded must see to it that the MDA trusts the Forwarder. */
function forwarding(flow: Flow, facts: Facts, end: Span): Finding[] {
  const found: Finding[] = []
  let mda: Block | undefined
  for (let k = flow.blocks.length - 1; k >= 0; k--) {
    const block = flow.blocks[k]!
    if (block.roles.includes('MDA')) mda = block
    if (!block.roles.includes('Forwarder') || mda === undefined || mda.actor === block.actor) continue
    if (facts.isTrusted(block)) continue
    const name = block.at ?? 'Forwarder'
    const target = mda.at ?? 'MDA'
    found.push(
      finding(
        'R05',
        'warning',
        block.span,
        `${blockLabel(mda)} does not know that ${blockLabel(block)} forwards for its Recipient`,
        [lineBelow(end, `${target}: trusts=${name}`)],
        REASON.whitelist,
      ),
    )
  }
  return found
}

/** A line at the end of the text; who trusts whom is for the people to decide. */
function lineBelow(end: Span, line: string): Fix {
  const text = `${end.column === 1 ? '' : '\n'}${line}\n`
  return { label: `Write below the flow: ${line}`, edits: [{ span: end, text }], isDecision: true }
}

function endOf(source: string): Span {
  const lines = source.split(/\r\n|\n|\r/)
  return { start: source.length, end: source.length, line: lines.length, column: lines.at(-1)!.length + 1 }
}

/** R03 (a Transmitter that publishes nothing) and R04 (an Open Relay on the path). */
function strangers(flow: Flow, facts: Facts): Finding[] {
  const found: Finding[] = []
  for (const block of flow.blocks) {
    if (block.roles.includes('Transmitter')) {
      const actor = facts.actorOf(block)
      const none = (key: string) => {
        const values = facts.values(actor, key)
        return values.length > 0 && values.every((value) => value === 'none' || value === 'no')
      }
      if (none('spf') && none('dkim'))
        found.push(
          finding(
            'R03',
            'warning',
            block.span,
            `${blockLabel(block)} publishes nothing that proves its identity`,
            [
              {
                label: 'Leave out dkim=none: Borderpost then makes a key and tells the DNS record to publish',
                edits: [],
              },
            ],
            REASON.identity,
          ),
        )
    }
    const relay = block.roles.indexOf('Open Relay')
    if (relay >= 0)
      found.push(
        finding(
          'R04',
          'warning',
          block.roleSpans[relay]!,
          'Mail passes an Open Relay',
          [{ label: 'Let the MSA/Transmitter of the Author send it across the Border', edits: [] }],
          REASON.openRelay,
        ),
      )
  }
  return found
}
