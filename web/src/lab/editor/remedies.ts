// Findings in the editor: underlined where they are, told in a box with the reason, and each remedy a button.

import { type Diagnostic, forEachDiagnostic, setDiagnostics } from '@codemirror/lint'
import type { EditorView } from '@codemirror/view'
import type { Finding, Fix } from '../../../../src/notation/model.ts'
import { sentence } from '../sentence.ts'

/** Carries a remedy out, on the text as it is by then. */
export type Remedy = (finding: Finding, fix: Fix) => void

const FINDINGS = new WeakMap<Diagnostic, Finding>()

export function underline(view: EditorView, findings: readonly Finding[], onRemedy: Remedy): void {
  const end = view.state.doc.length
  const diagnostics = findings.map((finding): Diagnostic => {
    const { span, severity, code, message, fixes } = finding
    const from = Math.min(span.start, end)
    const diagnostic: Diagnostic = {
      from,
      to: Math.min(Math.max(span.end, from), end),
      severity,
      source: code,
      message,
      markClass: `squiggle squiggle-${severity}`,
      renderMessage: () => said(finding),
      actions: fixes.filter(isWritten).map((fix) => ({ name: fix.label, apply: () => onRemedy(finding, fix) })),
    }
    FINDINGS.set(diagnostic, finding)
    return diagnostic
  })
  view.dispatch(setDiagnostics(view.state, diagnostics))
}

/** A remedy that says what to write, and does not leave it to a person. */
export const isWritten = ({ edits }: Fix): boolean => edits.length > 0

/** The first remedy of what is found at the caret. */
export function applyFirstRemedy(view: EditorView, onRemedy: Remedy): boolean {
  const { head } = view.state.selection.main
  let found: Finding | undefined
  forEachDiagnostic(view.state, (diagnostic, from, to) => {
    if (from <= head && head <= to) found ??= FINDINGS.get(diagnostic)
  })
  const fix = found?.fixes.find(isWritten)
  if (found === undefined || fix === undefined) return false
  onRemedy(found, fix)
  return true
}

function said({ code, severity, message, reason, fixes }: Finding): HTMLElement {
  const box = document.createElement('div')
  const line = (text: string, name: string) => {
    const paragraph = document.createElement('p')
    paragraph.className = name
    paragraph.textContent = text
    box.append(paragraph)
  }
  line(sentence(message), 'said')
  if (reason !== undefined) line(reason, 'why')
  for (const fix of fixes) if (!isWritten(fix)) line(sentence(fix.label), 'remedy')
  line(`${severity} ${code}`, 'code')
  return box
}
