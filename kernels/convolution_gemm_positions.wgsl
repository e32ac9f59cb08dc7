// Where the outputs of an implicit matrix product read and write; an output is a number in the order (image, d, h, w).
// Functions only; the text of a convolution_gemm kernel, with u, follows this one.

const NOWHERE = 0xffffffffu;

// The vec4 of x at which the window of an output begins.
fn input_of(output: u32, group: u32) -> u32 {
  let w = output % u.grid_w * u.stride_w + u.begin_w;
  let h = output / u.grid_w % u.grid_h * u.stride_h + u.begin_h;
  let d = output / (u.grid_w * u.grid_h) % u.grid_d * u.stride_d + u.begin_d;
  let n = output / (u.grid_w * u.grid_h * u.grid_d);
  return ((((n * u.groups + group) * u.ext_d + d) * u.ext_h + h) * u.ext_w + w) * u.channels;
}

// Where y of the first filter of a group lies, or NOWHERE for what is beyond the outputs.
fn output_of(output: u32, group: u32) -> u32 {
  let w = output % u.grid_w * u.out_step_w + u.out_first_w;
  let h = output / u.grid_w % u.grid_h * u.out_step_h + u.out_first_h;
  let d = output / (u.grid_w * u.grid_h) % u.grid_d * u.out_step_d + u.out_first_d;
  let n = output / (u.grid_w * u.grid_h * u.grid_d) + u.first;
  if (output >= u.outputs || d >= u.out_d || h >= u.out_h || w >= u.out_w) {
    return NOWHERE;
  }
  return (((n * u.groups + group) * u.filters * u.out_d + d) * u.out_h + h) * u.out_w + w;
}
