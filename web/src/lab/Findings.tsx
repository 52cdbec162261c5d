// What is wrong, where, why, and what to do about it: each remedy that says what to write is a button.

import { For, Show } from 'solid-js'
import type { Finding, Fix } from '../../../src/notation/model.ts'
import { plural } from '../format.ts'
import { isWritten } from './editor/remedies.ts'
import { sentence } from './sentence.ts'

const WORD = { error: 'Error', warning: 'Warning', hint: 'Hint' } as const

export function Findings(props: {
  findings: readonly Finding[]
  /** How many have just one remedy, which says what to write. */
  plain: number
  onGo: (finding: Finding) => void
  onRemedy: (finding: Finding, fix: Fix) => void
  onMend: () => void
}) {
  return (
    <section class="findings" aria-labelledby="findings-heading">
      <div class="row">
        <h2 id="findings-heading">
          {props.findings.length === 0 ? 'No findings' : plural(props.findings.length, 'finding')}
        </h2>
        <Show when={props.plain > 1}>
          <button type="button" class="plain gap-left" onClick={() => props.onMend()}>
            Apply all {props.plain} that need no decision
          </button>
        </Show>
      </div>
      <Show when={props.findings.length === 0}>
        <p class="quiet">Everybody in this system keeps the duties of their roles, as far as it is drawn.</p>
      </Show>
      <ol>
        <For each={props.findings}>
          {(finding) => (
            <li class={`finding ${finding.severity}`}>
              <p class="finding-head">
                <span class="severity">{WORD[finding.severity]}</span>
                <button type="button" class="plain" onClick={() => props.onGo(finding)}>
                  line {finding.span.line}, column {finding.span.column}
                </button>
                <code>{finding.code}</code>
              </p>
              <p class="message">{sentence(finding.message)}</p>
              <Show when={finding.reason}>
                <p class="reason">{finding.reason}</p>
              </Show>
              <ul class="remedies">
                <For each={finding.fixes}>
                  {(fix) => (
                    <li>
                      <Show when={isWritten(fix)} fallback={<span class="advice">{sentence(fix.label)}</span>}>
                        <button type="button" class="remedy" onClick={() => props.onRemedy(finding, fix)}>
                          {fix.label}
                        </button>
                      </Show>
                    </li>
                  )}
                </For>
              </ul>
            </li>
          )}
        </For>
      </ol>
    </section>
  )
}
