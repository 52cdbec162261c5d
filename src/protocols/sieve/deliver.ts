// Actions (RFC 5228 §4): keep, fileinto, redirect, discard, with what others add to them: copy (RFC 3894), flags
// (RFC 5232), mailboxes that are made, or found by use or id (RFC 5490, 8579, 9042); reject and ereject (RFC 5429).

import { formatAddress, type Mailbox, parseAddressList } from '../../message/address.ts'
import type { Target } from './actions.ts'
import type { Checker } from './check.ts'
import { flagsOf } from './flags.ts'
import { type Call, constantText, constantTexts, type Spec, type TagSpec } from './language.ts'
import type { Run } from './run.ts'

const FLAGS: Readonly<Record<string, TagSpec>> = { flags: { value: 'strings', needs: 'imap4flags' } }
const COPY: Readonly<Record<string, TagSpec>> = { copy: { needs: 'copy' } }
const WHERE: Readonly<Record<string, TagSpec>> = {
  create: { needs: 'mailbox' },
  specialuse: { value: 'string', needs: 'special-use' },
  mailboxid: { value: 'string', needs: 'mailboxid' },
}

/** `:fcc` and what may stand beside it (RFC 8580 §3). */
export const FCC: Readonly<Record<string, TagSpec>> = {
  fcc: { value: 'string', needs: 'fcc' },
  create: { needs: 'mailbox' },
  flags: { value: 'strings', needs: 'imap4flags' },
  specialuse: { value: 'string', needs: 'special-use' },
  mailboxid: { value: 'string', needs: 'mailboxid' },
}

export const DELIVERY: readonly Spec[] = [
  {
    name: 'keep',
    kind: 'command',
    tags: FLAGS,
    run(run, call) {
      run.keepsImplicitly = false
      run.add(call.at, { kind: 'keep', ...run.inbox(chosenFlags(run, call)), message: run.message })
    },
  },
  {
    name: 'discard',
    kind: 'command',
    run(run) {
      run.keepsImplicitly = false
    },
  },
  {
    name: 'fileinto',
    kind: 'command',
    needs: ['fileinto'],
    tags: { ...FLAGS, ...COPY, ...WHERE },
    args: [{ label: 'mailbox', type: 'string' }],
    check(call, checker) {
      const name = constantText(call.args[0])
      if (name !== undefined && !name.isWellFormed()) checker.fail(call.at, 'invalid folder name: it is no UTF-8')
      checkWhere(call, checker)
      return undefined
    },
    run(run, call) {
      const target = targetOf(run, call, run.text(call.args[0]))
      if (!call.tags.has('copy')) run.keepsImplicitly = false
      run.add(call.at, { kind: 'fileinto', ...target, message: run.message })
    },
  },
  {
    name: 'redirect',
    kind: 'command',
    tags: {
      ...COPY,
      list: { needs: 'extlists' },
    },
    args: [{ label: 'address', type: 'string' }],
    check({ args, tags }, checker) {
      for (const { source, at } of tags.has('list') ? [] : constantTexts(args[0]))
        if (soleMailbox(source) === undefined)
          checker.fail(at, `'${source.slice(0, 100)}' is no address to redirect to`)
      return undefined
    },
    run(run, call) {
      const given = run.text(call.args[0])
      const addresses = call.tags.has('list') ? run.context.list(given)?.members : [given]
      if (addresses === undefined) return run.fail(call.at, `there is no list '${given.slice(0, 100)}' to redirect to`)
      for (const text of addresses) {
        const mailbox = soleMailbox(text)
        if (mailbox === undefined) return run.fail(call.at, `'${text.slice(0, 100)}' is no address to redirect to`)
        run.add(call.at, { kind: 'redirect', address: formatAddress(mailbox), message: run.message })
      }
      if (!call.tags.has('copy') && addresses.length > 0) run.keepsImplicitly = false
    },
  },
  rejecting('reject'),
  rejecting('ereject'),
]

function rejecting(name: 'reject' | 'ereject'): Spec {
  return {
    name,
    kind: 'command',
    needs: [name],
    args: [{ label: 'reason', type: 'string' }],
    run(run, { at, args }) {
      run.keepsImplicitly = false
      run.add(at, { kind: name, reason: run.text(args[0]) })
    },
  }
}

function chosenFlags(run: Run, { tags }: Call): readonly string[] {
  return tags.has('flags') ? flagsOf(run.texts(tags.get('flags'))) : run.flags
}

/** Where fileinto or `:fcc` puts something. */
function targetOf(run: Run, call: Call, mailbox: string): Target {
  if (!mailbox.isWellFormed()) run.fail(call.at, 'invalid folder name: it is no UTF-8')
  const { tags } = call
  const specialUse = run.optionalText(tags.get('specialuse'))
  if (specialUse !== undefined && !isSpecialUse(specialUse))
    run.fail(call.at, `'${specialUse.slice(0, 60)}' is no special use of a mailbox`)
  return {
    mailbox,
    create: tags.has('create'),
    specialUse,
    mailboxId: run.optionalText(tags.get('mailboxid')),
    flags: chosenFlags(run, call),
  }
}

/** What `:fcc` asks for; flags of the message itself are not those of the copy. */
export function fccOf(run: Run, call: Call): Target | undefined {
  const mailbox = run.optionalText(call.tags.get('fcc'))
  if (mailbox === undefined) return undefined
  const flags = call.tags.has('flags') ? chosenFlags(run, call) : []
  return { ...targetOf(run, call, mailbox), flags }
}

/** Tags that say where are worth nothing without `:fcc`; a special use must be one. */
export function checkWhere({ tags, at, spec }: Call, checker: Checker): void {
  const use = constantText(tags.get('specialuse'))
  if (use !== undefined && !isSpecialUse(use)) checker.fail(at, `'${use.slice(0, 60)}' is no special use of a mailbox`)
  if (spec.tags?.fcc === undefined || tags.has('fcc')) return
  for (const name of Object.keys(FCC))
    if (tags.has(name)) checker.fail(at, `the tag ':${name}' of the ${spec.name} command says nothing without :fcc`)
}

/** RFC 6154 §6: `\` and an atom. */
export function isSpecialUse(use: string): boolean {
  return /^\\[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/.test(use) && use.length <= 64
}

/** The one mailbox that the text is, to which mail can be sent (RFC 5228 §2.4.2.3). */
export function soleMailbox(text: string): Mailbox | undefined {
  const { addresses, unparsed, defects } = parseAddressList(text)
  const [only, ...others] = addresses
  if (only === undefined || 'groupName' in only || others.length > 0 || unparsed.length > 0) return undefined
  const isAtFault = defects.some((defect) => !/misplaced dot/.test(defect))
  return isAtFault || !/^[ -~]+$/.test(only.localPart) ? undefined : only
}
