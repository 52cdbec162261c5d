// Why a description cannot be run: in a sentence, with each place and remedy.

import { For } from 'solid-js'
import type { Finding } from '../../../src/notation/model.ts'
import type { Refusal } from './mail.ts'
import { sentence } from './sentence.ts'

export function Refused(props: { refusal: Refusal; onGo: (finding: Finding) => void }) {
  return (
    <div class="refused" role="alert">
      <p>{sentence(props.refusal.words)}</p>
      <ul>
        <For each={props.refusal.findings}>
          {(finding) => (
            <li>
              <button type="button" class="plain" onClick={() => props.onGo(finding)}>
                line {finding.span.line}
              </button>{' '}
              {finding.message}.
              <For each={finding.fixes}>{(fix) => <span class="advice">{sentence(fix.label)}</span>}</For>
            </li>
          )}
        </For>
      </ul>
    </div>
  )
}
