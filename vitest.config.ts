import { defineConfig } from "vitest/config"

// The machine's own Node may be older than the one this project runs on; `npm test` finds the right one.
if (Number.parseInt(process.versions.node) < 26)
  throw new Error(`Node 26 is needed, this is ${process.version}: npm test`)

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/setup/global.ts"],
    maxWorkers: 2,
    testTimeout: 30_000,
    // A hook may have to install and initialise a server.
    hookTimeout: 120_000
  }
})
