// Bundles the page for both sides: node build.mjs <esbuild's module> <where packages are> <out>
const [, , esbuild, packages, out] = process.argv;
const { build } = await import(esbuild);
const { dirname } = await import("node:path");
const { fileURLToPath } = await import("node:url");

const common = {
  absWorkingDir: dirname(fileURLToPath(import.meta.url)),
  bundle: true,
  jsx: "automatic",
  nodePaths: packages.split(":"),
  outdir: out,
  logLevel: "error",
  // As Next.js does: what is public is put in where it stands, and nothing else of the environment is.
  define: {
    "process.env.NODE_ENV": '"production"',
    "process.env.NEXT_PUBLIC_API_URL": JSON.stringify(process.env.NEXT_PUBLIC_API_URL),
  },
};
await build({ ...common, entryPoints: ["client.jsx"], minify: true });
await build({ ...common, entryPoints: ["server.jsx"], platform: "node", format: "cjs", outExtension: { ".js": ".cjs" } });
