// The body of a message. HTML in a sandboxed frame without scripts; plain text with its links and quotations.

import { createMemo, createResource, createSignal, For, onCleanup, Show } from 'solid-js'
import type { Email } from '../jmap.ts'
import { draftFromMailto } from './draft.ts'
import { inlineImages } from './read.ts'
import { cleanHtml } from './sanitise.ts'
import type { Mail } from './state.ts'

export function HtmlBody(props: { mail: Mail; email: Email; html: string }) {
  const [inline] = createResource(() => inlineImages(props.mail.jmap, props.email))
  const clean = createMemo(() => cleanHtml(props.html, inline()))
  const [height, setHeight] = createSignal(120)
  let frame!: HTMLIFrameElement
  let observer: ResizeObserver | undefined
  onCleanup(() => observer?.disconnect())

  // Nothing in the frame can run, so it is this page that measures it and takes its links and keys.
  function onLoad(): void {
    const inside = frame.contentDocument
    if (!inside?.body) return
    observer?.disconnect()
    observer = new ResizeObserver(() => setHeight(Math.ceil(inside.documentElement.getBoundingClientRect().height)))
    observer.observe(inside.documentElement)
    inside.addEventListener('click', (event) => {
      const link = (event.target as Element | null)?.closest?.('a[href^="mailto:" i]')
      if (!link) return
      event.preventDefault()
      props.mail.compose(draftFromMailto(link.getAttribute('href')!, props.mail.identities()[0]))
    })
    inside.addEventListener('keydown', (event) => {
      document.dispatchEvent(
        new KeyboardEvent('keydown', {
          key: event.key,
          shiftKey: event.shiftKey,
          ctrlKey: event.ctrlKey,
          metaKey: event.metaKey,
          altKey: event.altKey,
        }),
      )
    })
  }

  return (
    <div class="html-body">
      <Show when={clean().remoteImages > 0}>
        <p class="blocked quiet">
          {clean().remoteImages === 1
            ? 'A picture from elsewhere is'
            : `${clean().remoteImages} pictures from elsewhere are`}{' '}
          not shown: fetching would tell the sender that you read this.
        </p>
      </Show>
      <iframe
        ref={frame}
        title="The message"
        sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
        referrerpolicy="no-referrer"
        srcdoc={clean().document}
        style={{ height: `${height()}px` }}
        onLoad={onLoad}
      />
    </div>
  )
}

interface Block {
  readonly depth: number
  readonly lines: readonly string[]
}

/** Lines of the same depth of quotation together. */
function blocksOf(text: string): Block[] {
  const blocks: { depth: number; lines: string[] }[] = []
  for (const line of text.replace(/\r\n/g, '\n').trimEnd().split('\n')) {
    const marks = /^(?:> ?)+/.exec(line)?.[0] ?? ''
    const depth = marks.replace(/ /g, '').length
    const last = blocks.at(-1)
    if (last?.depth === depth) last.lines.push(line.slice(marks.length))
    else blocks.push({ depth, lines: [line.slice(marks.length)] })
  }
  return blocks
}

const LINKS = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]}'])/g

export function PlainBody(props: { text: string }) {
  const blocks = createMemo(() => blocksOf(props.text))
  return (
    <div class="plain-body">
      <For each={blocks()}>
        {(block) => (
          <Show when={block.depth > 0} fallback={<Text lines={block.lines} />}>
            <details class={`quote depth-${Math.min(block.depth, 3)}`} open={block.lines.length <= 12}>
              <summary>{block.lines.length > 12 ? `${block.lines.length} quoted lines` : 'Quoted'}</summary>
              <Text lines={block.lines} />
            </details>
          </Show>
        )}
      </For>
    </div>
  )
}

function Text(props: { lines: readonly string[] }) {
  return (
    <p>
      <For each={props.lines.join('\n').split(LINKS)}>
        {(piece, i) => (
          <Show when={i() % 2 === 1} fallback={piece}>
            <a href={piece} target="_blank" rel="noopener noreferrer">
              {piece}
            </a>
          </Show>
        )}
      </For>
    </p>
  )
}
