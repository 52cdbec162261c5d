// Understand a message, or a whole mailbox: paste it or drop its file, and see the path that it took. Everything is read in this
// browser; only when a button is pressed are the domains' public keys asked for.

import { createSignal, onCleanup, onMount, Show } from 'solid-js'
import { plural } from '../format.ts'
import { AloneBar } from '../parts/AloneBar.tsx'
import { handedOver } from './handover.ts'
import { Many } from './Many.tsx'
import { Message } from './Message.tsx'
import { asPasted } from './pasted.ts'
import type { Answer, Ask, ManyView, MessageView } from './protocol.ts'

/** More is no message; an mbox may be as large as it likes. */
const MAX_MESSAGE = 64 * 1024 * 1024
/** Of a dropped message no more is shown in the field. */
const MAX_SHOWN = 200_000

/** An mbox with more than one message: mail programs save a single one as an mbox, too. */
const holdsMany = async (file: File) =>
  (await file.slice(0, 5).text()) === 'From ' && (file.size > MAX_MESSAGE || /\n\r?\nFrom /.test(await file.text()))

export function TracePage() {
  const [text, setText] = createSignal('')
  const [hosts, setHosts] = createSignal('')
  const [message, setMessage] = createSignal<MessageView>()
  const [many, setMany] = createSignal<ManyView>()
  const [said, setSaid] = createSignal('')
  const [fault, setFault] = createSignal('')
  const [keys, setKeys] = createSignal<Readonly<Record<string, string>>>({})
  /** The bytes that were read last: of a file they are other than the text of the field. */
  let bytes: Uint8Array | undefined
  let worker: Worker | undefined
  let heading: HTMLHeadingElement | undefined

  const trustedBy = () =>
    hosts()
      .split(/[\s,]+/)
      .filter((host) => host !== '')
      .slice(0, 50)

  function ask(question: Ask): void {
    // A reading that nobody waits for any more must not come in after this one.
    worker?.terminate()
    worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' })
    worker.onmessage = ({ data }: MessageEvent<Answer>) => take(data)
    worker.onerror = () => setFault('The reader could not be loaded. Reload the page.')
    setFault('')
    setSaid('Reading…')
    worker.postMessage(question)
  }
  function take(answer: Answer): void {
    if (answer.kind === 'progress') return void setSaid(`${answer.messages} messages read…`)
    if (answer.kind === 'failed') {
      setSaid('')
      return void setFault(`This could not be read: ${answer.words}`)
    }
    setMessage(answer.kind === 'message' ? answer.view : undefined)
    setMany(answer.kind === 'many' ? answer.view : undefined)
    const of =
      answer.kind === 'message' ? plural(answer.view.rows.length, 'line') : plural(answer.view.messages, 'message')
    setSaid(`Read: ${of}.`)
    heading?.focus()
  }
  function read(resolver?: string): void {
    const source = bytes ?? new TextEncoder().encode(asPasted(text()))
    ask({ kind: 'message', bytes: source, trustedBy: trustedBy(), keys: keys(), resolver })
  }
  function paste(next: string): void {
    bytes = undefined
    setKeys({})
    setText(next)
  }
  async function open(file: File | undefined): Promise<void> {
    if (file === undefined) return
    setKeys({})
    if (await holdsMany(file)) {
      paste('')
      return ask({ kind: 'mbox', file, trustedBy: trustedBy() })
    }
    if (file.size > MAX_MESSAGE) return void setFault('This file is too large for one message, and it is no mbox.')
    const content = new Uint8Array(await file.arrayBuffer())
    paste(new TextDecoder().decode(content.subarray(0, MAX_SHOWN)))
    bytes = content
    read()
  }

  onMount(() => {
    document.title = 'Trace · Borderpost'
    const handed = handedOver()
    if (handed !== undefined) {
      paste(handed.slice(0, MAX_SHOWN))
      bytes = Uint8Array.from(handed, (character) => character.charCodeAt(0) & 0xff)
      read()
    }
  })
  onCleanup(() => worker?.terminate())

  return (
    <>
      <AloneBar here="/trace" />
      <main class="page trace-page">
        <h1>Understand a message</h1>
        <p class="lead">
          Every agent that passes a message on writes a line on top of it. Paste a message with its header (in most mail
          programs: “show original”), and see the path it took. It stays in this browser.
        </p>
        <form
          class="trace-form"
          onSubmit={(event) => {
            event.preventDefault()
            read()
          }}
          onDragOver={(event) => event.preventDefault()}
          onDrop={(event) => {
            event.preventDefault()
            void open(event.dataTransfer?.files[0])
          }}
        >
          <label for="source">The message, or only its header</label>
          <textarea
            id="source"
            rows="10"
            spellcheck={false}
            placeholder={'Received: from …\nFrom: …\n\nYou can also drop a file here: a message, or an mbox with many.'}
            value={text()}
            onInput={(event) => paste(event.currentTarget.value)}
          />
          <label for="hosts">Your own mail hosts or domains (whose lines are believed), if you know them</label>
          <input
            id="hosts"
            type="text"
            placeholder="mx.example.org"
            value={hosts()}
            onInput={(event) => setHosts(event.currentTarget.value)}
          />
          <p class="row">
            <button type="submit" class="primary" disabled={text().trim() === ''}>
              Show its path
            </button>
            <label class="button-like" for="file">
              Open a file…
            </label>
            <input
              id="file"
              class="hidden-input"
              type="file"
              onChange={(event) => {
                void open(event.currentTarget.files?.[0])
                event.currentTarget.value = ''
              }}
            />
            <span role="status" class="quiet">
              {said()}
            </span>
          </p>
        </form>
        <p class="error" role="alert">
          {fault()}
        </p>
        <Show when={message() !== undefined || many() !== undefined}>
          <h2 tabindex="-1" ref={heading}>
            {many() === undefined ? 'The path of the message' : 'By which paths this mail came'}
          </h2>
        </Show>
        <Show when={message()}>
          {(view) => (
            <Message
              view={view()}
              keys={keys()}
              onKey={(name, record) => {
                setKeys({ ...keys(), [name.toLowerCase()]: record })
                read()
              }}
              onAsk={read}
            />
          )}
        </Show>
        <Show when={many()}>{(view) => <Many view={view()} />}</Show>
      </main>
    </>
  )
}
