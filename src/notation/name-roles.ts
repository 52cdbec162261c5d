// What the roles of a flow are called here (rule A11): other words for them become ours, with a hint; unknown ones stay.

import { finding } from './findings.ts'
import type { RawBlock, RawFlow } from './flow.ts'
import { NORMAL_ARROW } from './lexer.ts'
import type { Report, Span } from './model.ts'
import { before } from './text.ts'
import { readRole } from './vocabulary.ts'

/** Gives roles their names (rule A11); known only now, because "MUA" depends on the side of the Border. */
export function nameRoles(flow: RawFlow, report: Report) {
  const crossing = flow.hops.find((hop) => hop.crossings.length > 0)
  const borderAt = crossing === undefined ? 0 : (crossing.from ?? -1)
  flow.blocks.forEach((block, index) => {
    if (block.isNamed) return
    block.isNamed = true
    block.roles = block.roles.map((role, k) => nameRole(role, block.roleSpans[k]!, index <= borderAt, report))
    if (block.roles.every((role) => role === '?')) {
      block.unknown = true
      block.roles = []
      block.roleSpans = []
    }
    if (block.roles.length === 0 && block.at !== undefined)
      report(
        finding('N11', 'warning', block.span, `Which role does ${block.at} play here?`, [
          { label: `Write it before the name, e.g. Receiver@${block.at}`, edits: [] },
        ]),
      )
    reportTwice(block, report)
  })
}

function reportTwice(block: RawBlock, report: Report) {
  if (new Set(block.roles).size === block.roles.length) return
  const seen = new Set<string>()
  const keep = block.roles.map((role) => !seen.has(role) && seen.add(role).size > 0)
  const twice = keep.indexOf(false)
  report(finding('N14', 'warning', block.roleSpans[twice]!, `${block.roles[twice]} stands twice in one block`))
  const left = block.roles.map((_, k) => keep.slice(0, k).filter(Boolean).length)
  block.insides = block.insides.flatMap((one) => (keep[one.role] ? [{ ...one, role: left[one.role]! }] : []))
  block.roles = block.roles.filter((_, k) => keep[k])
  block.roleSpans = block.roleSpans.filter((_, k) => keep[k])
}

function nameRole(written: string, span: Span, sending: boolean, report: Report): string {
  if (written === '?') return written
  if (written.toLowerCase() === 'border') {
    report(
      finding('N13', 'error', span, '"Border" is no role: nobody plays it', [
        { label: 'Write / for the Border itself', edits: [{ span, text: '/' }] },
      ]),
    )
    return written
  }
  const reading = readRole(written, sending)
  const write = (text: string) => ({ label: `Write ${text}`, edits: [{ span, text }] })
  switch (reading.kind) {
    case 'known':
      return reading.role
    case 'synonym':
      report(
        finding('N01', 'hint', span, `"${written}" is read as ${reading.role}, ${reading.why}`, [write(reading.role)]),
      )
      return reading.role
    case 'ambiguous':
      report(
        finding(
          'N11',
          'warning',
          span,
          `"${written}" does not say which role is played`,
          reading.choices.map(write),
          'Every relay is an MTA; the notation names the role that it plays.',
        ),
      )
      return written
    case 'words': {
      const [left, right] = reading.parts
      report(
        finding('N11', 'warning', span, `"${written}" looks like two roles`, [
          write(`${left} ${NORMAL_ARROW.direct} ${right}`),
          write(`${left}/${right}`),
        ]),
      )
      return written
    }
    case 'custom': {
      const fixes = reading.nearest === undefined ? [] : [write(reading.nearest)]
      const meant = reading.nearest === undefined ? '' : `; did you mean ${reading.nearest}?`
      const prose = written.split(' ').length > 4
      const comment = {
        label: 'If this line is a remark, begin it with #',
        edits: [{ span: before(span), text: '# ' }],
      }
      report(
        finding('N11', 'warning', span, `"${written.slice(0, 60)}" is no role the notation knows${meant}`, [
          ...fixes,
          ...(prose ? [comment] : []),
        ]),
      )
      return written
    }
  }
}
