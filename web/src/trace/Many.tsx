// Many messages: by which paths they came, how often, how fast and how well proven.

import { For, Show } from 'solid-js'
import { svgUrl } from '../api.ts'
import type { ManyView } from './protocol.ts'

export function Many(props: { view: ManyView }) {
  return (
    <section class="trace-result" aria-label="The paths of the messages">
      <Show when={props.view.svg !== ''}>
        <section class="picture" tabindex="0" aria-label="Picture of the paths">
          <img
            src={svgUrl(props.view.svg)}
            alt="The most frequent paths as a picture; the same stands below as a table."
          />
        </section>
      </Show>
      <Show when={props.view.messages === 0}>
        <p>No message was found in this file. In an mbox a line that begins with “From ” stands before each.</p>
      </Show>
      <section class="trace-table" tabindex="0" aria-label="Table of the paths" hidden={props.view.messages === 0}>
        <table>
          <caption>{props.view.messages} messages, the most frequent path first.</caption>
          <thead>
            <tr>
              <th scope="col">Messages</th>
              <th scope="col">Share</th>
              <th scope="col">TLS</th>
              <th scope="col">Proven (DMARC)</th>
              <th scope="col">Half within</th>
              <th scope="col">Path</th>
            </tr>
          </thead>
          <tbody>
            <For each={props.view.rows}>
              {(row) => (
                <tr>
                  <th scope="row">{row.messages}</th>
                  <td>{row.share}</td>
                  <td>{row.tls}</td>
                  <td>{row.proven}</td>
                  <td>{row.took}</td>
                  <td class="trace-flow">{row.flow}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </section>
    </section>
  )
}
